import numpy as np
import pytest

from mytalk_core.evaluation.regression import choose_penalty, moments, ridge, squared_error


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_linear_map_is_recovered(random):
    weights, bias = random.normal(size=(6, 3)), random.normal(size=3)
    x = random.normal(3, [1, 10, 0.1, 1, 2, 5], (200, 6))
    model = ridge(moments([(x, x @ weights + bias)]), penalty=0.0)
    assert model.weights == pytest.approx(weights, abs=1e-8)
    assert model.bias == pytest.approx(bias, abs=1e-6)


def test_sums_do_not_depend_on_the_block_size(random):
    x, y = random.normal(size=(100, 4)), random.normal(size=(100, 2))
    whole = moments([(x, y)])
    cut = moments([(x[:7], y[:7]), (x[7:60], y[7:60]), (x[60:], y[60:])], block_rows=20)
    assert cut.count == whole.count
    assert cut.xx == pytest.approx(whole.xx)
    assert cut.xy == pytest.approx(whole.xy)


def test_a_large_penalty_leaves_the_mean(random):
    x, y = random.normal(size=(50, 3)), random.normal(5, 1, (50, 2))
    model = ridge(moments([(x, y)]), penalty=1e9)
    assert model(x) == pytest.approx(np.repeat(y.mean(0)[None], 50, 0), abs=1e-4)


def test_a_constant_input_has_weight_zero(random):
    x = np.column_stack([random.normal(size=50), np.full(50, 7.0)])
    model = ridge(moments([(x, x[:, :1])]), penalty=0.0)
    assert model.weights[1, 0] == 0
    assert model(np.array([[0.5, 900.0]])) == pytest.approx(np.array([[0.5]]), abs=1e-6)


def test_the_error_from_sums_is_the_error_of_the_rows(random):
    x, y = random.normal(2, 1, (80, 4)), random.normal(-1, 1, (80, 3))
    model = ridge(moments([(x[:40], y[:40])]), penalty=0.1)
    rows = float(((model(x[40:]) - y[40:]) ** 2).sum())
    assert squared_error(model, moments([(x[40:], y[40:])])) == pytest.approx(rows, rel=1e-5)


@pytest.mark.parametrize(("noise", "expected"), [(0.0, 1e-4), (30.0, 100.0)])
def test_the_penalty_grows_with_the_noise(random, noise, expected):
    folds = []
    for _ in range(3):
        x = random.normal(size=(30, 20))
        folds.append(moments([(x, x[:, :1] + noise * random.normal(size=(30, 1)))]))
    assert choose_penalty(folds, (1e-4, 1.0, 100.0)) == expected

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load_file

from mytalk_core.data.array_pickle import convert_to_safetensors, read_array_pickle
from mytalk_core.errors import ModelError, Reason

NAMES = st.text("abcXYZ_01", min_size=1, max_size=6)
FLOATS = arrays.arrays(
    st.sampled_from([np.float32, np.float64]),
    arrays.array_shapes(max_dims=4, max_side=4),
    elements=st.floats(-1, 1, width=32),
)


@given(tree=st.dictionaries(NAMES, st.dictionaries(NAMES, FLOATS, max_size=3), max_size=3))
def test_arrays_are_named_by_their_path_of_keys(tmp_path_factory, tree):
    folder = tmp_path_factory.mktemp("pickle")
    for protocol in (3, 4):
        (folder / "p").write_bytes(pickle.dumps(tree, protocol))
        read = read_array_pickle(folder / "p")
        assert set(read) == {f"{outer}.{name}" for outer in tree for name in tree[outer]}
        for outer, inner in tree.items():
            for name, array in inner.items():
                found = read[f"{outer}.{name}"]
                assert found.dtype == array.dtype
                assert np.array_equal(found, array)


def test_module_names_of_numpy_1_and_2_are_accepted(tmp_path):
    content = pickle.dumps({"a": np.ones(3, np.float32)}, 3)
    for module in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        path = tmp_path / "p"
        path.write_bytes(content.replace(b"numpy._core.multiarray", module))
        assert np.array_equal(read_array_pickle(path)["a"], np.ones(3))


class Runs:
    """An object whose pickle opens a file for writing when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"a": np.array([print], object)}),
        pickle.dumps({"a": [np.ones(2)]}),
        pickle.dumps({1: np.ones(2)}),
        pickle.dumps({"a": np.array(["text"])}),
        pickle.dumps(np.ones(2)),
        pickle.dumps({"a": np.ones(2)})[:-9],
        b"not a pickle",
        b"",
    ],
)
def test_pickles_of_anything_but_plain_arrays_are_refused(tmp_path, content):
    path = tmp_path / "weights.ckpt"
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"weights\.ckpt: is not a pickle of plain arrays"
    ) as caught:
        read_array_pickle(path)
    assert caught.value.reason is Reason.MODEL_CORRUPT


def test_no_code_of_a_pickle_is_run(tmp_path):
    ran, path = tmp_path / "ran", tmp_path / "p"
    path.write_bytes(pickle.dumps({"a": Runs(ran)}))
    with pytest.raises(ModelError, match="refers to"):
        read_array_pickle(path)
    assert not ran.exists()


def test_conversion_does_not_depend_on_the_order_of_keys(tmp_path):
    tree = {"b": {"x": np.ones((2, 3), np.float32)}, "a": {"y": np.zeros(3, np.float32).T}}
    written = []
    for number, ordered in enumerate((tree, dict(reversed(tree.items())))):
        source, target = tmp_path / f"{number}.ckpt", tmp_path / f"{number}.safetensors"
        source.write_bytes(pickle.dumps(ordered))
        convert_to_safetensors(source, target)
        written.append(target.read_bytes())
    assert written[0] == written[1]
    assert set(load_file(tmp_path / "0.safetensors")) == {"b.x", "a.y"}

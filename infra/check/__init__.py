"""Checks of the files for clusters: shapes, rights, and that everything they name exists.

    python -m infra.check

prints every problem of the files in `infra/` and exits with 1 where there is one. Run it after you
have changed them for your cluster; nothing is reached over a network.
"""

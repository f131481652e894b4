"""Opens pairs of files with anndata and mudata and compares them: python compare.py ORIGINAL OURS ...

The second of each pair was written by sc-io from the first. Values are compared as float32.
An original that this version of the packages cannot open is not compared, but ours must open.
"""

import sys
import warnings

warnings.filterwarnings("ignore")

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import scipy.sparse as sp


def column(a, b, where):
    if isinstance(a.dtype, pd.CategoricalDtype):
        assert isinstance(b.dtype, pd.CategoricalDtype), (where, b.dtype)
        assert list(a.cat.categories) == list(b.cat.categories), where
        assert (a.cat.codes.values == b.cat.codes.values).all(), where
        assert a.cat.ordered == b.cat.ordered, where
        return

    def plain(v):
        return None if v is None or v is pd.NA or v != v else v

    # Text with missing values is written as categories, which hold the same values.
    assert [plain(v) for v in a.tolist()] == [plain(v) for v in b.tolist()], where


def table(a, b, where):
    assert list(a.index) == list(b.index), (where, "index")
    assert a.index.name == b.index.name, (where, a.index.name, b.index.name)
    assert list(a.columns) == list(b.columns), (where, list(a.columns), list(b.columns))
    for name in a.columns:
        column(a[name], b[name], f"{where}/{name}")


def matrix(a, b, where):
    if isinstance(a, pd.DataFrame):
        return table(a, b, where)
    a, b = (np.asarray(m.todense() if sp.issparse(m) else m) for m in (a, b))
    a, b = (m[:, None] if m.ndim == 1 else m for m in (a, b))
    assert a.shape == b.shape, (where, a.shape, b.shape)
    np.testing.assert_array_equal(a.astype("f4"), b.astype("f4"), where)


def value(a, b, where):
    if isinstance(a, dict):
        for key in a:
            if key in b:
                value(a[key], b[key], f"{where}/{key}")
            else:
                # Not kept, by design.
                kind = a[key]
                left_out = kind is None or sp.issparse(kind) or getattr(kind, "dtype", None) is not None
                assert left_out, (where, key)
    elif isinstance(a, pd.DataFrame):
        table(a, b, where)
    elif isinstance(a, np.ndarray):
        assert np.asarray(a).tolist() == np.asarray(b).tolist(), (where, a, b)
    else:
        assert a == b, (where, a, b)


def modality(a, b, where):
    assert a.shape == b.shape, where
    assert (a.X is None) == (b.X is None), where
    if a.X is not None:
        matrix(a.X, b.X, f"{where}/X")
    table(a.obs, b.obs, f"{where}/obs")
    table(a.var, b.var, f"{where}/var")
    for slot in ["layers", "obsm", "varm", "obsp", "varp"]:
        x, y = getattr(a, slot), getattr(b, slot)
        assert set(x.keys()) == set(y.keys()), (where, slot)
        for key in x.keys():
            matrix(x[key], y[key], f"{where}/{slot}/{key}")
    if a.raw is not None:
        matrix(a.raw.X, b.raw.X, f"{where}/raw/X")
        table(a.raw.var, b.raw.var, f"{where}/raw/var")
    value(dict(a.uns), dict(b.uns), f"{where}/uns")


def multimodal(a, b):
    assert list(a.mod) == list(b.mod)
    assert list(a.obs_names) == list(b.obs_names)
    assert list(a.var_names) == list(b.var_names)
    for key in a.mod:
        modality(a[key], b[key], key)
        for slot in ["obsmap", "varmap"]:
            x, y = (np.asarray(getattr(m, slot)[key]).ravel() for m in (a, b))
            assert (x == y).all(), (slot, key)
    assert set(a.obsm.keys()) == set(b.obsm.keys())
    for key in a.obsm:
        matrix(a.obsm[key], b.obsm[key], f"obsm/{key}")


def main(pairs):
    for original, ours in zip(pairs[::2], pairs[1::2]):
        is_h5mu = ours.endswith(".h5mu")
        open_file = md.read_h5mu if is_h5mu else ad.read_h5ad
        b = open_file(ours)
        try:
            a = open_file(original)
        except Exception as e:
            print("opened", original, "(original:", type(e).__name__ + ")")
            continue
        if is_h5mu:
            multimodal(a, b)
        else:
            modality(a, b, "")
        print("equal", original)


main(sys.argv[1:])

"""The dtypes of pandas by names that say all of them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "category"


def dtype_name(column: "pd.Series") -> str:
    """The dtype of ``column`` as `dtype_named` reads it; of a pandas category with that of its levels, ``category[int8]``."""
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return f"{CATEGORY}[{_name(dtype.categories.dtype)}]"
    return _name(dtype)


def _name(dtype: Any) -> str:
    import pandas as pd

    if isinstance(dtype, pd.StringDtype) and dtype.storage == "python":
        return "string[python]" if dtype.na_value is pd.NA else "str[python]"
    return str(dtype)


def dtype_named(name: str) -> Any:
    """The pandas dtype that `dtype_name` called ``name``."""
    import numpy as np
    import pandas as pd

    if name == "string[pyarrow]":  # what pandas makes of this name is called "string"
        import pyarrow

        return pd.ArrowDtype(pyarrow.string())
    if name == "str[python]":
        return pd.StringDtype("python", na_value=np.nan)
    return pd.api.types.pandas_dtype(name)


def level_dtype(name: str) -> str:
    """The dtype of a pandas category's levels; empty where nobody said, or where ``name`` is no category's."""
    return name[len(CATEGORY) + 1 : -1] if name.startswith(f"{CATEGORY}[") else ""


def held_as(values: Any) -> Any:
    """A column that a DataFrame keeps in its dtype; of an array of objects it would make text where it can."""
    import pandas as pd

    return pd.Series(values, dtype=object, copy=False) if values.dtype == "object" else values

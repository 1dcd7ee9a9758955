"""Models of XGBoost, LightGBM and CatBoost, in a notebook and in their own files."""

"""Search over config keys with Optuna: `zoo sweep`. Every trial is an ordinary run."""

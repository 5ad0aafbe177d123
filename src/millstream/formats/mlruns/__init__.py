"""The `mlruns` directory layout: names, YAML files and metric lines, as MLflow's file store has them."""

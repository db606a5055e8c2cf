"""What `import gclbench` gives: studies, results as frames and tables, kernels, data, features."""

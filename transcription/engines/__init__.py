"""Code that finds lines and reads them; only this package and training import torch."""

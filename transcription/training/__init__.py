"""Making engines better: datasets, augmentation, training, evaluation."""

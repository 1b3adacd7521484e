"""Labelled patches: dataset readers, chips cut from scenes, splits, augmentation."""

"""Windows, blending, test-time augmentation and the streaming scan engine."""

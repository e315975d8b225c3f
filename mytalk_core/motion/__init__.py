"""Stage 1, speech to motion: denoiser, diffusion, identity extractor, sampling over any length."""

"""The frozen parts of latent diffusion codecs: VAE, U-Net, scheduler, text model, captioner, in diffusers' layout."""

"""Container images from files, without a container engine: `image` packs, `trees` and `client` lay out what is in."""

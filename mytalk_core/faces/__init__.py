"""Who is where: landmark schemes, landmarkers, face tracks, alignment, the crop transform."""

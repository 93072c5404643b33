"""Images, video, uploads and faces as files and arrays. Imports `dcgan.config` and tasks only."""

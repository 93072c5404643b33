"""Images, video, uploads and face alignment. Imports only `dcgan.config` and tasks."""

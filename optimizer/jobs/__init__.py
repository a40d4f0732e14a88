"""Harbor's job folders: read as attempts made elsewhere, and written from a run."""

"""What a person sees: the graph as a picture (DOT, SVG, PNG). Nothing here is loaded by `import microgradx`."""

from microgradx.pictures.dot import dot_source
from microgradx.pictures.engines import PictureError
from microgradx.pictures.picture import Picture, draw

__all__ = ["Picture", "PictureError", "dot_source", "draw"]

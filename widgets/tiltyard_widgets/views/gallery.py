"""Pictures in rows, each with a caption and a text for who cannot see it."""

from tiltyard.result import Gallery, Picture

from ..theme.markup import Markup, Node, div, el


def _picture(picture: Picture) -> Node:
    source = f"data:image/png;base64,{picture.png}"
    caption: list[Node] = [el("figcaption", None, picture.caption)] if picture.caption else []
    return el("figure", None, el("img", {"src": source, "alt": picture.alt or picture.caption}), *caption)


class GalleryView(Markup):
    """Shows a `Gallery` as a grid with one head per column."""

    def show(self, gallery: Gallery | None) -> None:
        self.tree = [self._draw(gallery)] if gallery is not None and gallery.rows else []

    def _draw(self, gallery: Gallery) -> Node:
        width = max(len(gallery.heads), *(len(row) for row in gallery.rows), 1)
        heads = [div("ty-headcell", head) for head in (*gallery.heads, *[""] * (width - len(gallery.heads)))]
        cells: list[Node] = []
        for row in gallery.rows:
            cells += [_picture(picture) for picture in row]
            cells += [div("") for _ in range(width - len(row))]
        grid = el(
            "div",
            {"class": "ty-gallery", "style-columns": width, "tabindex": "0", "role": "group", "aria-label": gallery.title},
            *(heads if gallery.heads else []),
            *cells,
        )
        return div("ty-block", el("h3", None, gallery.title), grid)


def gallery_view(gallery: Gallery | None = None) -> GalleryView:
    """A picture grid; ``.show(gallery)`` changes it in place."""
    made = GalleryView()
    made.show(gallery)
    return made

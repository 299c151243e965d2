"""A list to choose from, whose cursor can be seen in any number of colours."""

from textual.style import Style
from textual.widgets import OptionList


class Options(OptionList):
    """Textual's list. That (8.2.8) forgets that a style is reversed, which is all that shows the cursor in 16 colours
    and in none.
    """

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        style = super().get_visual_style(*component_classes, partial=partial)
        if any(self.get_component_styles(name).text_style.reverse for name in component_classes):
            style += Style(reverse=True)
        return style

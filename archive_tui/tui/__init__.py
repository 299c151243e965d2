"""The Textual application, its screens, dialogs and widgets."""

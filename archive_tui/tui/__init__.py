"""What the operator sees: the Textual application, its screens, dialogs and widgets."""

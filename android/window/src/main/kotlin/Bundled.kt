package chat.dunnock.window

import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.text.platform.Font
import chat.dunnock.ui.Fonts

/** Fonts that are the same on every computer, so that pictures are too. A phone uses its own. */
val bundledFonts = Fonts(
    text = FontFamily(
        Font("fonts/Inter-Regular.otf", FontWeight.Normal),
        Font("fonts/Inter-Medium.otf", FontWeight.Medium),
        Font("fonts/Inter-SemiBold.otf", FontWeight.SemiBold),
    ),
    digits = FontFamily(Font("fonts/JetBrainsMono-Regular.ttf")),
)

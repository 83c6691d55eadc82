package chat.dunnock.ui

import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.foundation.shape.RoundedCornerShape
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Shapes
import androidx.compose.material3.Typography
import androidx.compose.material3.darkColorScheme
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.runtime.Immutable
import androidx.compose.runtime.staticCompositionLocalOf
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.text.TextStyle
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.unit.dp
import androidx.compose.ui.unit.sp
import java.time.ZoneId

/** The fonts of the screens: the phone's own, unless something else is chosen. [digits] is for fingerprints. */
@Immutable
data class Fonts(val text: FontFamily = FontFamily.Default, val digits: FontFamily = FontFamily.Monospace)

/** Where and when the screens are: pictures are always of the same day. */
@Immutable
data class Surroundings(val zone: ZoneId = ZoneId.systemDefault(), val now: () -> Long = System::currentTimeMillis)

/** Colours that Material's scheme has no names for. */
@Immutable
data class Tints(val ourBubble: Color, val onOurBubble: Color, val theirBubble: Color, val good: Color, val warn: Color)

internal val LocalFonts = staticCompositionLocalOf { Fonts() }
internal val LocalSurroundings = staticCompositionLocalOf { Surroundings() }
internal val LocalTints = staticCompositionLocalOf { lightTints }

private val slate = Color(0xFF2F5061)
private val paper = Color(0xFFF6F4F0)
private val night = Color(0xFF12171A)

/** The bird's colours: slate of its breast, brown of its back, on paper. */
private val light = lightColorScheme(
    primary = slate,
    onPrimary = Color.White,
    primaryContainer = Color(0xFFD3E4EE),
    onPrimaryContainer = Color(0xFF0E2733),
    secondary = Color(0xFF8A5433),
    onSecondary = Color.White,
    secondaryContainer = Color(0xFFF6E0D2),
    onSecondaryContainer = Color(0xFF3A1D0A),
    tertiary = Color(0xFF3F6A45),
    background = paper,
    onBackground = Color(0xFF1B1F21),
    surface = paper,
    onSurface = Color(0xFF1B1F21),
    surfaceVariant = Color(0xFFE6E3DD),
    onSurfaceVariant = Color(0xFF52595D),
    surfaceContainerLowest = Color.White,
    surfaceContainerLow = Color(0xFFFCFBF9),
    surfaceContainer = Color(0xFFFFFFFF),
    surfaceContainerHigh = Color(0xFFFFFFFF),
    surfaceContainerHighest = Color(0xFFEAE7E1),
    outline = Color(0xFF80868A),
    outlineVariant = Color(0xFFDAD7D0),
    error = Color(0xFFB3261E),
    errorContainer = Color(0xFFFBE4E1),
    onErrorContainer = Color(0xFF5C120D),
)

private val dark = darkColorScheme(
    primary = Color(0xFF9FCBE2),
    onPrimary = Color(0xFF07303F),
    primaryContainer = Color(0xFF254757),
    onPrimaryContainer = Color(0xFFD3E4EE),
    secondary = Color(0xFFE9B793),
    onSecondary = Color(0xFF4A260D),
    secondaryContainer = Color(0xFF4F3322),
    onSecondaryContainer = Color(0xFFFBDCC7),
    tertiary = Color(0xFF9FD0A4),
    background = night,
    onBackground = Color(0xFFE3E6E8),
    surface = night,
    onSurface = Color(0xFFE3E6E8),
    surfaceVariant = Color(0xFF2A3237),
    onSurfaceVariant = Color(0xFFB4BCC1),
    surfaceContainerLowest = Color(0xFF0D1113),
    surfaceContainerLow = Color(0xFF181E22),
    surfaceContainer = Color(0xFF1C2327),
    surfaceContainerHigh = Color(0xFF222A2F),
    surfaceContainerHighest = Color(0xFF2C353B),
    outline = Color(0xFF8B9399),
    outlineVariant = Color(0xFF343D43),
    error = Color(0xFFFFB4AB),
    errorContainer = Color(0xFF5B1A16),
    onErrorContainer = Color(0xFFFFDAD5),
)

private val lightTints = Tints(slate, Color.White, Color.White, good = Color(0xFF2E6B3A), warn = Color(0xFF8A5433))
private val darkTints =
    Tints(Color(0xFF2F5468), Color(0xFFF0F6F9), Color(0xFF20282D), good = Color(0xFF9FD0A4), warn = Color(0xFFE9B793))

private val shapes = Shapes(
    extraSmall = RoundedCornerShape(8.dp),
    small = RoundedCornerShape(12.dp),
    medium = RoundedCornerShape(16.dp),
    large = RoundedCornerShape(20.dp),
    extraLarge = RoundedCornerShape(28.dp),
)

private fun typography(font: FontFamily) = Typography().run {
    fun TextStyle.set(weight: FontWeight? = null) = copy(fontFamily = font, fontWeight = weight ?: fontWeight)
    copy(
        displaySmall = displaySmall.set(FontWeight.SemiBold).copy(letterSpacing = (-0.5).sp),
        headlineMedium = headlineMedium.set(FontWeight.SemiBold).copy(letterSpacing = (-0.5).sp),
        headlineSmall = headlineSmall.set(FontWeight.SemiBold).copy(letterSpacing = (-0.3).sp),
        titleLarge = titleLarge.set(FontWeight.SemiBold).copy(letterSpacing = (-0.3).sp),
        titleMedium = titleMedium.set(FontWeight.SemiBold).copy(letterSpacing = 0.sp),
        titleSmall = titleSmall.set(FontWeight.SemiBold),
        bodyLarge = bodyLarge.set().copy(letterSpacing = 0.sp),
        bodyMedium = bodyMedium.set().copy(letterSpacing = 0.sp),
        bodySmall = bodySmall.set().copy(letterSpacing = 0.1.sp),
        labelLarge = labelLarge.set(FontWeight.SemiBold),
        labelMedium = labelMedium.set(FontWeight.Medium).copy(letterSpacing = 0.1.sp),
        labelSmall = labelSmall.set(FontWeight.Medium).copy(letterSpacing = 0.1.sp),
    )
}

/** The look of all screens. */
@Composable
fun DunnockTheme(
    darkColours: Boolean = isSystemInDarkTheme(),
    fonts: Fonts = Fonts(),
    surroundings: Surroundings = Surroundings(),
    content: @Composable () -> Unit,
) {
    CompositionLocalProvider(
        LocalFonts provides fonts,
        LocalSurroundings provides surroundings,
        LocalTints provides if (darkColours) darkTints else lightTints,
    ) {
        MaterialTheme(if (darkColours) dark else light, shapes, typography(fonts.text), content)
    }
}

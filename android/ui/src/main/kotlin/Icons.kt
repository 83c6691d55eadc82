package chat.dunnock.ui

import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.SolidColor
import androidx.compose.ui.graphics.StrokeCap
import androidx.compose.ui.graphics.StrokeJoin
import androidx.compose.ui.graphics.vector.ImageVector
import androidx.compose.ui.graphics.vector.addPathNodes
import androidx.compose.ui.unit.dp

/** The pictures on buttons, drawn with lines of one width on a square of 24. */
internal object Icons {
    val Back = lines("back", "M19,12H5M11,6L5,12L11,18", mirrored = true)
    val More = filled("more", dot(12f, 5.5f) + dot(12f, 12f) + dot(12f, 18.5f))
    val Plus = lines("plus", "M12,5V19M5,12H19")
    val Close = lines("close", "M6,6L18,18M18,6L6,18")
    val Send = filled("send", "M4,20.2L21.5,12L4,3.8L4,10.2L15,12L4,13.8Z", mirrored = true)
    val Lock = lines("lock", "M6.5,11H17.5A1,1 0 0 1 18.5,12V19A1,1 0 0 1 17.5,20H6.5A1,1 0 0 1 5.5,19V12A1,1 0 0 1 6.5,11M8,11V8A4,4 0 0 1 16,8V11")
    val Open = lines("open", "M6.5,11H17.5A1,1 0 0 1 18.5,12V19A1,1 0 0 1 17.5,20H6.5A1,1 0 0 1 5.5,19V12A1,1 0 0 1 6.5,11M8,11V7.5A4,4 0 0 1 15.6,6")
    val Clock = lines("clock", "M12,4A8,8 0 1 1 12,20A8,8 0 1 1 12,4M12,8V12L15,14")
    val Tick = lines("tick", "M5,12.5L10,17.5L19,7.5")
    val Ticks = lines("ticks", "M1.5,12.5L6.5,17.5L15.5,7.5M11.5,16.5L12.5,17.5L21.5,7.5")
    val Alert = lines("alert", "M12,4A8,8 0 1 1 12,20A8,8 0 1 1 12,4M12,8V12.5M12,15.9V16")
    val Shield = lines("shield", "M12,3.5L19,6V11.5C19,16 16,19 12,20.5C8,19 5,16 5,11.5V6ZM9,12L11.3,14.3L15.2,9.8")
    val Down = lines("down", "M6,9.5L12,15.5L18,9.5")
    val Up = lines("up", "M6,14.5L12,8.5L18,14.5")
    val Phone = lines("phone", "M8,3.5H16A1.5,1.5 0 0 1 17.5,5V19A1.5,1.5 0 0 1 16,20.5H8A1.5,1.5 0 0 1 6.5,19V5A1.5,1.5 0 0 1 8,3.5M11,17.5H13")
    val Puzzle = lines("unreadable", "M12,4A8,8 0 1 1 12,20A8,8 0 1 1 12,4M6.5,6.5L17.5,17.5")

    /** The bird: a round breast, a short tail, a thin beak. */
    val Bird = ImageVector.Builder("dunnock", 48.dp, 48.dp, 48f, 48f)
        .addPath(addPathNodes("M3.5,37.5L17,29.5L20.5,36.5Z"), fill = SolidColor(Color(0xFF6B4127)))
        .addPath(
            addPathNodes("M13,28C13,19 19,14.5 25.5,14.5C26,9.8 29.3,7 33.3,7C37.6,7 40.3,10 40.3,14C40.3,17.5 41,20 41,24C41,33 34.5,38.5 27,38.5C18.5,38.5 13,34.5 13,28Z"),
            fill = SolidColor(Color(0xFF8FA6B2)),
        )
        .addPath(
            addPathNodes("M12.2,33.5C11.5,23.5 18.5,15.2 26.5,17.5C31.5,19 32.5,25 28.8,29.2C25,33.4 18.5,34.8 12.2,33.5Z"),
            fill = SolidColor(Color(0xFF8A5433)),
        )
        .addPath(addPathNodes("M16.5,30.5C19,25.5 22.5,22.5 27,21.5M19.5,31C22,27.5 25,25.5 28.5,24.8"), stroke = SolidColor(Color(0xFF5C3620)), strokeLineWidth = 1.3f, strokeLineCap = StrokeCap.Round)
        .addPath(addPathNodes("M40,11.2L45.2,13.2L40.2,14.9Z"), fill = SolidColor(Color(0xFF3A2A20)))
        .addPath(addPathNodes("M35.6,11.2A1.5,1.5 0 1 1 35.6,14.2A1.5,1.5 0 1 1 35.6,11.2Z"), fill = SolidColor(Color(0xFF1C1512)))
        .addPath(addPathNodes("M25.5,38V43M29.5,38V43"), stroke = SolidColor(Color(0xFF7A5A45)), strokeLineWidth = 1.5f, strokeLineCap = StrokeCap.Round)
        .build()

    private fun dot(x: Float, y: Float) = "M${x - 1.7f},${y}A1.7,1.7 0 1 1 ${x + 1.7f},${y}A1.7,1.7 0 1 1 ${x - 1.7f},${y}Z"

    private fun lines(name: String, path: String, mirrored: Boolean = false): ImageVector =
        ImageVector.Builder(name, 24.dp, 24.dp, 24f, 24f, autoMirror = mirrored)
            .addPath(
                addPathNodes(path),
                stroke = SolidColor(Color.Black),
                strokeLineWidth = 1.9f,
                strokeLineCap = StrokeCap.Round,
                strokeLineJoin = StrokeJoin.Round,
            )
            .build()

    private fun filled(name: String, path: String, mirrored: Boolean = false): ImageVector =
        ImageVector.Builder(name, 24.dp, 24.dp, 24f, 24f, autoMirror = mirrored)
            .addPath(addPathNodes(path), fill = SolidColor(Color.Black))
            .build()
}

/** The app's own picture, for a window or a launcher. */
val birdIcon: ImageVector get() = Icons.Bird

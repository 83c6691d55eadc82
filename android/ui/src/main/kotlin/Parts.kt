package chat.dunnock.ui

import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.shape.CircleShape
import androidx.compose.foundation.text.KeyboardOptions
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.vector.ImageVector
import androidx.compose.ui.platform.LocalDensity
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.input.ImeAction
import androidx.compose.ui.text.input.KeyboardType
import androidx.compose.ui.text.style.TextOverflow
import androidx.compose.ui.unit.Dp
import androidx.compose.ui.unit.TextUnit
import androidx.compose.ui.unit.dp
import chat.dunnock.presentation.Problem
import java.time.Instant
import java.time.LocalDate
import java.time.format.DateTimeFormatter
import java.util.Locale

/** The smallest side of whatever can be touched. */
internal val TOUCH = 48.dp

/** A height that has to hold lines of text: it grows with the letters. */
@Composable
internal fun grown(height: Dp): Dp = height * LocalDensity.current.fontScale.coerceAtLeast(1f)

/** A size of letters that does not grow: for what is a picture more than a text. */
@Composable
internal fun fixed(size: Dp): TextUnit = with(LocalDensity.current) { size.toSp() }

/** A button that is a picture; [label] is read out. */
@Composable
internal fun PictureButton(icon: ImageVector, label: String, onClick: () -> Unit, tint: Color = MaterialTheme.colorScheme.onSurface) {
    IconButton(onClick, Modifier.size(TOUCH)) { Icon(icon, label, Modifier.size(24.dp), tint = tint) }
}

/** What went wrong and what helps; told to a screen reader as it appears. */
@Composable
internal fun ProblemCard(problem: Problem, modifier: Modifier = Modifier, button: String? = null, onButton: () -> Unit = {}) {
    val colours = MaterialTheme.colorScheme
    Surface(modifier.fillMaxWidth(), MaterialTheme.shapes.medium, colours.errorContainer, colours.onErrorContainer) {
        Column(Modifier.padding(start = 16.dp, end = 8.dp, top = 14.dp, bottom = if (button == null) 14.dp else 4.dp)) {
            Row(Modifier.padding(end = 8.dp).semantics(mergeDescendants = true) { liveRegion = LiveRegionMode.Polite }) {
                Icon(Icons.Alert, null, Modifier.size(22.dp))
                Spacer(Modifier.width(12.dp))
                Column {
                    val subject = problem.subject.takeIf { it.isNotEmpty() }
                    Text(listOfNotNull(Words.cause(problem), subject).joinToString(" · "), style = MaterialTheme.typography.titleSmall)
                    Text(Words.remedy(problem), Modifier.padding(top = 2.dp), style = MaterialTheme.typography.bodyMedium)
                }
            }
            if (button != null) {
                TextButton(onButton, Modifier.align(Alignment.End).heightIn(min = TOUCH)) { Text(button, color = colours.onErrorContainer) }
            }
        }
    }
}

/** A person's first letter on a colour of their own; says nothing to a screen reader, the name stands beside it. */
@Composable
internal fun Face(name: String, size: Dp = 48.dp) {
    val colours = faces[Math.floorMod(name.lowercase().hashCode(), faces.size)]
    val letter = name.firstOrNull { it.isLetterOrDigit() }?.uppercase() ?: "?"
    Box(Modifier.size(size).background(colours, CircleShape).clearAndSetSemantics { }, Alignment.Center) {
        Text(letter, color = Color.White, style = MaterialTheme.typography.titleMedium.copy(fontSize = fixed(size * 0.42f), lineHeight = fixed(size * 0.5f)))
    }
}

private val faces = listOf(0xFF5B7B8C, 0xFF9A6444, 0xFF5E7F62, 0xFF7A6A94, 0xFF8B6B3D, 0xFF4E7F83).map { Color(it) }

/** A line to be filled in, as it is written: no spelling is put right. */
@Composable
internal fun Field(value: String, label: String, enabled: Boolean, keyboard: KeyboardType, hint: String? = null, change: (String) -> Unit) {
    OutlinedTextField(
        value,
        change,
        Modifier.fillMaxWidth(),
        enabled = enabled,
        label = { Text(label) },
        placeholder = hint?.let { { Text(it) } },
        singleLine = true,
        shape = MaterialTheme.shapes.small,
        keyboardOptions = KeyboardOptions(autoCorrectEnabled = false, keyboardType = keyboard, imeAction = ImeAction.Next),
    )
}

/** A name or an address on one line. */
@Composable
internal fun OneLine(text: String, modifier: Modifier = Modifier, style: androidx.compose.ui.text.TextStyle, color: Color = Color.Unspecified) =
    Text(text, modifier, color = color, style = style, maxLines = 1, overflow = TextOverflow.Ellipsis)

private val clock = DateTimeFormatter.ofPattern("HH:mm", Locale.ENGLISH)
private val weekday = DateTimeFormatter.ofPattern("EEEE", Locale.ENGLISH)
private val date = DateTimeFormatter.ofPattern("d MMMM yyyy", Locale.ENGLISH)
private val short = DateTimeFormatter.ofPattern("d MMM", Locale.ENGLISH)

internal fun Surroundings.clock(time: Long): String = clock.format(Instant.ofEpochMilli(time).atZone(zone))

internal fun Surroundings.day(time: Long): LocalDate = Instant.ofEpochMilli(time).atZone(zone).toLocalDate()

internal fun Surroundings.dayName(day: LocalDate): String {
    val today = day(now())
    return when {
        day == today -> "Today"
        day == today.minusDays(1) -> "Yesterday"
        day.isAfter(today.minusDays(7)) && day.isBefore(today) -> weekday.format(day)
        else -> date.format(day)
    }
}

/** For a list: the time of today, else the day. */
internal fun Surroundings.brief(time: Long): String {
    val day = day(time)
    return when {
        day == day(now()) -> clock(time)
        day == day(now()).minusDays(1) -> "Yesterday"
        else -> short.format(day)
    }
}

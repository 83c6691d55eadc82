package chat.dunnock.ui

import androidx.compose.foundation.BorderStroke
import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.BoxWithConstraints
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.IntrinsicSize
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxHeight
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.layout.widthIn
import androidx.compose.foundation.shape.RoundedCornerShape
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextOverflow
import androidx.compose.ui.unit.dp
import chat.dunnock.bridge.Fate
import chat.dunnock.bridge.Sealing
import chat.dunnock.presentation.Row as MessageRow

/** One message: ours to the right, theirs to the left, never wider than four fifths. */
@Composable
internal fun Bubble(row: MessageRow, act: ChatActions, modifier: Modifier) {
    BoxWithConstraints(modifier.fillMaxWidth()) {
        val side = if (row.own) Alignment.End else Alignment.Start
        Column(Modifier.fillMaxWidth(), horizontalAlignment = side) {
            val most = Modifier.widthIn(max = this@BoxWithConstraints.maxWidth * 0.82f)
            if (row.unreadable == null) Readable(row, act, most) else Unreadable(row, most)
            Trouble(row, act, most)
        }
    }
}

@Composable
private fun Readable(row: MessageRow, act: ChatActions, modifier: Modifier) {
    val tints = LocalTints.current
    val ground = if (row.own) tints.ourBubble else tints.theirBubble
    val ink = if (row.own) tints.onOurBubble else MaterialTheme.colorScheme.onSurface
    val shape = RoundedCornerShape(20.dp, 20.dp, if (row.own) 6.dp else 20.dp, if (row.own) 20.dp else 6.dp)
    Surface(modifier, shape, ground, ink) {
        Column(Modifier.width(IntrinsicSize.Max).padding(start = 14.dp, end = 12.dp, top = 9.dp, bottom = 7.dp)) {
            // One thing to a screen reader; the button below stays one of its own.
            Column(Modifier.semantics(mergeDescendants = true) { }) {
                row.answers?.let { Quote(it, ink) }
                Text(row.text, style = MaterialTheme.typography.bodyLarge)
                Marks(row, ink.copy(alpha = 0.72f), Modifier.align(Alignment.End))
            }
            row.whole?.let { length ->
                TextButton({ act.read(row) }, Modifier.heightIn(min = TOUCH)) { Text(Words.showAll(length), color = ink) }
            }
        }
    }
}

@Composable
private fun Quote(text: String, ink: Color) {
    Row(Modifier.padding(top = 2.dp, bottom = 6.dp).height(IntrinsicSize.Min)) {
        Spacer(Modifier.width(3.dp).fillMaxHeight().background(ink.copy(alpha = 0.5f), RoundedCornerShape(2.dp)))
        Text(text, Modifier.padding(start = 8.dp), ink.copy(alpha = 0.8f), style = MaterialTheme.typography.bodyMedium, maxLines = 2, overflow = TextOverflow.Ellipsis)
    }
}

/** Time, sealing where it is not full, and how far the message came. */
@Composable
private fun Marks(row: MessageRow, ink: Color, modifier: Modifier = Modifier) {
    Row(modifier.padding(top = 2.dp), Arrangement.spacedBy(4.dp), Alignment.CenterVertically) {
        if (row.unreadable == null && row.sealing == Sealing.NONE && row.fate !in listOf(Fate.WAITING, Fate.FAILED)) {
            Icon(Icons.Open, Words.PLAIN_MARK, Modifier.size(14.dp), tint = ink)
        }
        val (reached, known) = row.reached to row.known
        if (reached != null && known != null && reached < known) {
            Text(Words.reached(reached, known), color = ink, style = MaterialTheme.typography.labelSmall)
        }
        Text(LocalSurroundings.current.clock(row.time), color = ink, style = MaterialTheme.typography.labelSmall)
        row.fate?.let { fate ->
            val icon = when (fate) {
                Fate.WAITING, Fate.SENDING -> Icons.Clock
                Fate.SENT -> Icons.Tick
                Fate.FAILED -> Icons.Alert
                Fate.DELIVERED, Fate.DISPLAYED -> Icons.Ticks
            }
            val colour = if (fate == Fate.DISPLAYED) ink.copy(alpha = 1f) else ink
            Icon(icon, Words.fate(fate), Modifier.size(16.dp), tint = colour)
        }
    }
}

@Composable
private fun Unreadable(row: MessageRow, modifier: Modifier) {
    val colours = MaterialTheme.colorScheme
    Surface(modifier, RoundedCornerShape(18.dp), Color.Transparent, colours.onSurfaceVariant, border = BorderStroke(1.dp, colours.outline)) {
        Row(Modifier.padding(14.dp, 10.dp).semantics(mergeDescendants = true) { }) {
            Icon(Icons.Puzzle, null, Modifier.padding(top = 1.dp).size(20.dp))
            Column(Modifier.padding(start = 10.dp)) {
                Text(Words.UNREADABLE, color = colours.onSurface, style = MaterialTheme.typography.titleSmall)
                Text(Words.unreadable(row.unreadable.orEmpty()), Modifier.padding(top = 2.dp), style = MaterialTheme.typography.bodyMedium)
                Marks(row, colours.onSurfaceVariant, Modifier.align(Alignment.End))
            }
        }
    }
}

/** Why a message of ours failed or waits, what helps, and the buttons that do it. */
@OptIn(ExperimentalLayoutApi::class)
@Composable
private fun Trouble(row: MessageRow, act: ChatActions, modifier: Modifier) {
    val problem = row.problem
    if (!row.own || (problem == null && !row.failed)) return
    val colour = if (row.failed) MaterialTheme.colorScheme.error else LocalTints.current.warn
    Column(modifier.padding(top = 4.dp, start = 4.dp, end = 4.dp), horizontalAlignment = Alignment.End) {
        Column(Modifier.semantics(mergeDescendants = true) { }, horizontalAlignment = Alignment.End) {
            val first = if (row.failed) Words.NOT_SENT else Words.fate(row.fate ?: Fate.WAITING)
            val cause = problem?.let { ": " + Words.cause(it).replaceFirstChar(Char::lowercase) }.orEmpty()
            Text(first + cause, color = colour, style = MaterialTheme.typography.labelMedium)
            if (problem != null) Text(Words.remedy(problem), color = MaterialTheme.colorScheme.onSurfaceVariant, style = MaterialTheme.typography.bodySmall)
        }
        FlowRow(horizontalArrangement = Arrangement.spacedBy(4.dp, Alignment.End)) {
            if (row.wantsPlain) Remedy(Words.ALLOW_PLAIN) { act.allowPlain(true) }
            if (row.wantsDevices) Remedy(Words.LOOK_AT_DEVICES, act::devices)
            if (row.failed) Remedy(Words.SEND_AGAIN) { act.sendAgain(row) }
        }
    }
}

@Composable
private fun Remedy(label: String, act: () -> Unit) = TextButton(act, Modifier.heightIn(min = TOUCH)) { Text(label) }

package chat.dunnock.ui

import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.imePadding
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.foundation.lazy.itemsIndexed
import androidx.compose.foundation.lazy.rememberLazyListState
import androidx.compose.foundation.shape.CircleShape
import androidx.compose.foundation.shape.RoundedCornerShape
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.FilledIconButton
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.material3.TextField
import androidx.compose.material3.TextFieldDefaults
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.dp
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.Sealing
import chat.dunnock.presentation.ChatState
import chat.dunnock.presentation.Reading
import chat.dunnock.presentation.Row as MessageRow

/** What a person can do in a chat. */
interface ChatActions {
    /** Back to the list. */
    fun back()

    /** Shows the devices of this person. */
    fun devices()

    /** The draft changed. */
    fun draft(text: String)

    /** Sends the draft. */
    fun send()

    /** Sends a failed message anew. */
    fun sendAgain(row: MessageRow)

    /** Allows or forbids plain text here. */
    fun allowPlain(allow: Boolean)

    /** Brings earlier messages. */
    fun earlier()

    /** Shows the whole of a long message, or closes it (null). */
    fun read(row: MessageRow?)

    /** What went wrong was read. */
    fun understood()
}

/** One chat; the newest message is at the bottom, where the thumb is. */
@Composable
fun ChatScreen(state: ChatState, act: ChatActions) {
    val reading = state.reading
    if (reading != null) return Whole(reading) { act.read(null) }
    Scaffold(topBar = { Head(state, act) }, bottomBar = { Composer(state, act) }) { inner ->
        val rows = state.rows
        when {
            rows == null -> Unit
            rows.isEmpty() -> Nothing(Modifier.padding(inner))
            else -> Timeline(state, rows, act, Modifier.padding(inner))
        }
    }
}

@OptIn(ExperimentalMaterial3Api::class)
@Composable
private fun Head(state: ChatState, act: ChatActions) {
    Column {
        TopAppBar(
            navigationIcon = { PictureButton(Icons.Back, Words.BACK, act::back) },
            title = {
                Row(verticalAlignment = Alignment.CenterVertically) {
                    Face(state.name, 40.dp)
                    Spacer(Modifier.width(12.dp))
                    Column {
                        OneLine(state.name, Modifier.semantics { heading() }, MaterialTheme.typography.titleMedium)
                        Below(state)
                    }
                }
            },
            actions = { PictureButton(Icons.Shield, Words.DEVICES_OF, act::devices) },
            expandedHeight = grown(68.dp),
        )
        HorizontalDivider(color = MaterialTheme.colorScheme.outlineVariant)
    }
}

/** Typing, or the connection if there is none, or how the next message goes. */
@Composable
private fun Below(state: ChatState) {
    val tints = LocalTints.current
    val plain = state.plainAllowed && state.sealing == Sealing.NONE
    val (text, colour) = when {
        state.typing -> Words.TYPING to tints.good
        state.link.state != LinkState.ONLINE -> Words.link(state.link) to tints.warn
        plain -> Words.PLAIN to tints.warn
        else -> Words.SEALED to MaterialTheme.colorScheme.onSurfaceVariant
    }
    Row(Modifier.semantics(mergeDescendants = true) { liveRegion = LiveRegionMode.Polite }, verticalAlignment = Alignment.CenterVertically) {
        if (text == Words.SEALED) Icon(Icons.Lock, null, Modifier.padding(end = 4.dp).size(13.dp), tint = tints.good)
        OneLine(text, style = MaterialTheme.typography.bodySmall, color = colour)
    }
}

@Composable
private fun Timeline(state: ChatState, rows: List<MessageRow>, act: ChatActions, modifier: Modifier) {
    val list = rememberLazyListState()
    // What one sends, and what comes while one is at the end, is seen; reading further up is not disturbed.
    LaunchedEffect(rows.first().id) { if (rows.first().own || list.firstVisibleItemIndex <= 1) list.scrollToItem(0) }
    LazyColumn(
        modifier.fillMaxSize().testTag("timeline"),
        list,
        contentPadding = PaddingValues(horizontal = 12.dp, vertical = 12.dp),
        reverseLayout = true,
    ) {
        itemsIndexed(rows, key = { _, row -> row.id }) { index, row ->
            val surroundings = LocalSurroundings.current
            val before = rows.getOrNull(index + 1)
            val newDay = before == null || surroundings.day(before.time) != surroundings.day(row.time)
            Column {
                if (newDay) Day(surroundings.dayName(surroundings.day(row.time)))
                val close = !newDay && before?.own == row.own
                Bubble(row, act, Modifier.padding(top = if (close) 3.dp else 12.dp))
            }
        }
        if (state.earlier) {
            item(key = "earlier") {
                Box(Modifier.fillMaxWidth(), Alignment.Center) {
                    TextButton(act::earlier, Modifier.heightIn(min = TOUCH)) { Text(Words.EARLIER) }
                }
            }
        }
    }
}

@Composable
private fun Day(name: String) {
    Box(Modifier.fillMaxWidth().padding(top = 16.dp, bottom = 4.dp), Alignment.Center) {
        Surface(shape = CircleShape, color = MaterialTheme.colorScheme.surfaceVariant) {
            Text(
                name,
                Modifier.padding(horizontal = 12.dp, vertical = 4.dp).semantics { heading() },
                color = MaterialTheme.colorScheme.onSurfaceVariant,
                style = MaterialTheme.typography.labelMedium,
            )
        }
    }
}

@Composable
private fun Nothing(modifier: Modifier) {
    Column(modifier.fillMaxSize().padding(48.dp), Arrangement.Center, Alignment.CenterHorizontally) {
        Icon(Icons.Lock, null, Modifier.size(40.dp), tint = MaterialTheme.colorScheme.outline)
        Text(
            Words.NOTHING_SAID,
            Modifier.padding(top = 16.dp),
            color = MaterialTheme.colorScheme.onSurfaceVariant,
            style = MaterialTheme.typography.bodyLarge,
            textAlign = TextAlign.Center,
        )
    }
}

@Composable
private fun Composer(state: ChatState, act: ChatActions) {
    Column(Modifier.background(MaterialTheme.colorScheme.surface).imePadding()) {
        state.problem?.let { ProblemCard(it, Modifier.padding(12.dp, 4.dp), Words.UNDERSTOOD, act::understood) }
        if (state.plainAllowed && state.sealing == Sealing.NONE) StopPlain(act)
        Row(Modifier.fillMaxWidth().padding(12.dp, 8.dp, 10.dp, 12.dp), verticalAlignment = Alignment.Bottom) {
            TextField(
                state.draft,
                act::draft,
                Modifier.weight(1f).semantics { contentDescription = Words.MESSAGE },
                placeholder = { Text(Words.MESSAGE) },
                maxLines = 6,
                shape = RoundedCornerShape(26.dp),
                colors = TextFieldDefaults.colors(
                    focusedContainerColor = MaterialTheme.colorScheme.surfaceContainerHighest,
                    unfocusedContainerColor = MaterialTheme.colorScheme.surfaceContainerHighest,
                    focusedIndicatorColor = Color.Transparent,
                    unfocusedIndicatorColor = Color.Transparent,
                ),
            )
            Spacer(Modifier.width(8.dp))
            FilledIconButton(act::send, Modifier.padding(bottom = 2.dp).size(52.dp), enabled = state.ready) {
                Icon(Icons.Send, Words.SEND, Modifier.size(24.dp))
            }
        }
    }
}

@Composable
private fun StopPlain(act: ChatActions) {
    Row(Modifier.fillMaxWidth().padding(start = 20.dp, end = 8.dp), verticalAlignment = Alignment.CenterVertically) {
        Icon(Icons.Open, null, Modifier.size(16.dp), tint = LocalTints.current.warn)
        Text(Words.PLAIN_MARK, Modifier.weight(1f).padding(start = 8.dp), color = LocalTints.current.warn, style = MaterialTheme.typography.labelMedium)
        TextButton({ act.allowPlain(false) }, Modifier.heightIn(min = TOUCH)) { Text(Words.STOP_PLAIN) }
    }
}

/** A long message as a whole: only the pieces in sight are laid out. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
private fun Whole(reading: Reading, close: () -> Unit) {
    Scaffold(
        topBar = {
            TopAppBar(
                title = { Text(Words.WHOLE_MESSAGE, Modifier.semantics { heading() }) },
                navigationIcon = { PictureButton(Icons.Close, Words.CLOSE, close) },
            )
        },
    ) { inner ->
        LazyColumn(Modifier.fillMaxSize().padding(inner).testTag("whole"), contentPadding = PaddingValues(20.dp, 8.dp)) {
            items(reading.pieces) { Text(it, style = MaterialTheme.typography.bodyLarge) }
        }
    }
}

package chat.dunnock.ui

import androidx.compose.foundation.Image
import androidx.compose.foundation.background
import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.foundation.shape.CircleShape
import androidx.compose.material3.Button
import androidx.compose.material3.DropdownMenu
import androidx.compose.material3.DropdownMenuItem
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.ExtendedFloatingActionButton
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.dp
import chat.dunnock.bridge.LinkState
import chat.dunnock.presentation.Adding
import chat.dunnock.presentation.ChatLine
import chat.dunnock.presentation.ChatsState
import chat.dunnock.presentation.LinkLine
import chat.dunnock.presentation.Request
import chat.dunnock.presentation.Way

/** What a person can do on the chat list. */
interface ChatsActions {
    /** Opens this chat. */
    fun open(line: ChatLine)

    /** Shows, changes or closes (null) the dialog for a new person. */
    fun add(adding: Adding?)

    /** Adds the person of the dialog. */
    fun addNow()

    /** Answers a request. */
    fun answer(request: Request, accept: Boolean)

    /** Tries to go online. */
    fun connect()

    /** Shows what stands against the server, or closes it. */
    fun readDoubt(reading: Boolean)

    /** Takes the server as it is. */
    fun acceptServer()

    /** Shows one's own devices. */
    fun devices()

    /** Shows, changes or closes (null) the dialog for another way to the server. */
    fun choose(way: Way?)

    /** Takes the way of the dialog. */
    fun chooseNow()

    /** Shows (true) or closes the question before wiping. */
    fun leave(asked: Boolean)

    /** Wipes the account from this device. */
    fun leaveNow()

    /** What went wrong was read. */
    fun understood()
}

/** Chats, people, and who asks. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
fun ChatsScreen(state: ChatsState, act: ChatsActions) {
    Scaffold(
        topBar = {
            TopAppBar(
                title = {
                    Column {
                        Text(Words.CHATS, Modifier.semantics { heading() }, style = MaterialTheme.typography.headlineSmall)
                        Me(state)
                    }
                },
                actions = { Menu(state.link.way, act) },
                expandedHeight = grown(76.dp),
            )
        },
        floatingActionButton = {
            ExtendedFloatingActionButton(
                { Text(Words.NEW_CHAT) },
                // The button takes its name from the picture: Material hides the words beside it from a screen reader.
                { Icon(Icons.Plus, Words.NEW_CHAT) },
                { act.add(Adding()) },
                containerColor = MaterialTheme.colorScheme.primary,
                contentColor = MaterialTheme.colorScheme.onPrimary,
            )
        },
    ) { inner ->
        val lines = state.lines
        // Below the last row there is room for the button that floats above it.
        LazyColumn(Modifier.fillMaxSize().padding(inner), contentPadding = PaddingValues(bottom = 96.dp)) {
            state.problem?.let { item { ProblemCard(it, Modifier.padding(16.dp, 4.dp), Words.UNDERSTOOD, act::understood) } }
            state.link.problem?.let { problem ->
                if (state.doubt != null) {
                    item { ProblemCard(problem, Modifier.padding(16.dp, 4.dp), Words.READ_DOUBT) { act.readDoubt(true) } }
                } else if (state.link.state != LinkState.ONLINE) {
                    item { ProblemCard(problem, Modifier.padding(16.dp, 4.dp), Words.TRY_AGAIN, act::connect) }
                }
            }
            state.link.torStart?.let { item { TorBar(it, Modifier.padding(16.dp, 8.dp)) } }
            items(state.requests, key = { "request ${it.jid}" }) { Asks(it, act) }
            if (lines != null) items(lines, key = { it.jid }) { Line(it) { act.open(it) } }
            if (lines?.isEmpty() == true && state.requests.isEmpty()) item { Nobody(Modifier.fillParentMaxSize(0.85f)) }
        }
    }
    state.adding?.let { AddDialog(it, act) }
    state.choosing?.let { RouteDialog(it, act) }
    if (state.leaving) LeaveDialog(act)
    state.doubt?.let { if (state.reading) DoubtDialog(it, act) }
}

@Composable
private fun Me(state: ChatsState) {
    Row(Modifier.padding(top = 2.dp).semantics(mergeDescendants = true) { }, verticalAlignment = Alignment.CenterVertically) {
        val colour = when (state.link.state) {
            LinkState.ONLINE -> LocalTints.current.good
            LinkState.CONNECTING -> LocalTints.current.warn
            LinkState.REFUSED, LinkState.CONTRADICTION -> MaterialTheme.colorScheme.error
            LinkState.OFFLINE -> MaterialTheme.colorScheme.outline
        }
        Box(Modifier.size(8.dp).background(colour, CircleShape))
        Spacer(Modifier.width(8.dp))
        OneLine("${Words.link(state.link)} · ${state.me}", style = MaterialTheme.typography.bodySmall, color = MaterialTheme.colorScheme.onSurfaceVariant)
    }
}

@Composable
private fun Menu(way: Way, act: ChatsActions) {
    var open by remember { mutableStateOf(false) }
    Box {
        PictureButton(Icons.More, Words.MORE, { open = true })
        DropdownMenu(open, { open = false }) {
            DropdownMenuItem({ Text(Words.YOUR_DEVICES) }, { open = false; act.devices() })
            DropdownMenuItem({ Text(Words.ROUTE) }, { open = false; act.choose(way) })
            DropdownMenuItem({ Text(Words.SIGN_OUT) }, { open = false; act.leave(true) })
        }
    }
}

@Composable
private fun Asks(request: Request, act: ChatsActions) {
    val colours = MaterialTheme.colorScheme
    Surface(Modifier.fillMaxWidth().padding(16.dp, 6.dp), MaterialTheme.shapes.large, colours.secondaryContainer, colours.onSecondaryContainer) {
        Column(Modifier.padding(16.dp, 14.dp, 16.dp, 8.dp)) {
            Row(verticalAlignment = Alignment.CenterVertically) {
                Face(request.name, 40.dp)
                Spacer(Modifier.width(14.dp))
                Text(Words.wantsToTalk(request.name), style = MaterialTheme.typography.bodyLarge)
            }
            Row(Modifier.align(Alignment.End).padding(top = 4.dp), Arrangement.spacedBy(8.dp)) {
                TextButton({ act.answer(request, false) }, Modifier.heightIn(min = TOUCH)) { Text(Words.DECLINE, color = colours.onSecondaryContainer) }
                Button({ act.answer(request, true) }, Modifier.heightIn(min = TOUCH)) { Text(Words.ACCEPT) }
            }
        }
    }
}

@Composable
private fun Line(line: ChatLine, open: () -> Unit) {
    val quiet = MaterialTheme.colorScheme.onSurfaceVariant
    Row(
        Modifier.fillMaxWidth().clickable(onClick = open).heightIn(min = 76.dp).padding(horizontal = 16.dp, vertical = 10.dp),
        verticalAlignment = Alignment.CenterVertically,
    ) {
        Face(line.name, 52.dp)
        Spacer(Modifier.width(14.dp))
        Column(Modifier.weight(1f)) {
            Row(verticalAlignment = Alignment.CenterVertically) {
                OneLine(line.name, Modifier.weight(1f), MaterialTheme.typography.titleMedium)
                if (!line.sealed) Icon(Icons.Open, Words.PLAIN_MARK, Modifier.padding(start = 6.dp).size(16.dp), tint = LocalTints.current.warn)
                line.time?.let {
                    val colour = if (line.unread > 0) MaterialTheme.colorScheme.primary else quiet
                    Text(LocalSurroundings.current.brief(it), Modifier.padding(start = 8.dp), color = colour, style = MaterialTheme.typography.labelMedium)
                }
            }
            Row(Modifier.padding(top = 3.dp), verticalAlignment = Alignment.CenterVertically) {
                Preview(line, Modifier.weight(1f))
                if (line.unread > 0) Unread(line.unread)
            }
        }
    }
}

@Composable
private fun Preview(line: ChatLine, modifier: Modifier) {
    val colours = MaterialTheme.colorScheme
    val (text, colour) = when {
        line.typing -> Words.TYPING to LocalTints.current.good
        line.failed -> "${Words.NOT_SENT_SHORT}: ${line.preview}" to colours.error
        line.unreadable -> Words.UNREADABLE_SHORT to colours.onSurfaceVariant
        line.time == null -> line.address to colours.onSurfaceVariant
        line.own -> Words.you(line.preview) to colours.onSurfaceVariant
        line.unread > 0 -> line.preview to colours.onSurface
        else -> line.preview to colours.onSurfaceVariant
    }
    OneLine(text, modifier, MaterialTheme.typography.bodyMedium, colour)
}

@Composable
private fun Unread(count: Int) {
    val colours = MaterialTheme.colorScheme
    Surface(Modifier.padding(start = 10.dp).semantics(mergeDescendants = true) { contentDescription = Words.unread(count) }, CircleShape, colours.secondary, colours.onSecondary) {
        Text(if (count > 99) "99+" else "$count", Modifier.padding(horizontal = 8.dp, vertical = 3.dp), style = MaterialTheme.typography.labelMedium)
    }
}

@Composable
private fun Nobody(modifier: Modifier) {
    Column(modifier.fillMaxWidth().padding(40.dp), Arrangement.Center, Alignment.CenterHorizontally) {
        Box(Modifier.size(120.dp).background(MaterialTheme.colorScheme.primaryContainer, CircleShape), Alignment.Center) {
            Image(Icons.Bird, null, Modifier.size(88.dp))
        }
        Text(Words.NO_CHATS, Modifier.padding(top = 24.dp), style = MaterialTheme.typography.titleLarge)
        Text(
            Words.NO_CHATS_MEANS,
            Modifier.padding(top = 8.dp),
            color = MaterialTheme.colorScheme.onSurfaceVariant,
            style = MaterialTheme.typography.bodyLarge,
            textAlign = TextAlign.Center,
        )
    }
}

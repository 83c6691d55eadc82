package chat.dunnock.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.text.KeyboardOptions
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Button
import androidx.compose.material3.ButtonDefaults
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.text.input.ImeAction
import androidx.compose.ui.text.input.KeyboardType
import androidx.compose.ui.unit.dp
import chat.dunnock.presentation.Adding
import chat.dunnock.presentation.DoubtShown
import chat.dunnock.presentation.Way

@Composable
internal fun AddDialog(adding: Adding, act: ChatsActions) {
    AlertDialog(
        onDismissRequest = { act.add(null) },
        confirmButton = { Button(act::addNow, Modifier.heightIn(min = TOUCH), enabled = adding.ready) { Text(Words.ADD) } },
        dismissButton = { TextButton({ act.add(null) }, Modifier.heightIn(min = TOUCH)) { Text(Words.CANCEL) } },
        title = { Text(Words.NEW_CHAT) },
        text = {
            Column(Modifier.verticalScroll(rememberScrollState()), Arrangement.spacedBy(16.dp)) {
                Text(Words.ADD_MEANS)
                OutlinedTextField(
                    adding.address,
                    { act.add(adding.copy(address = it)) },
                    Modifier.fillMaxWidth(),
                    label = { Text(Words.ADDRESS) },
                    singleLine = true,
                    shape = MaterialTheme.shapes.small,
                    keyboardOptions = KeyboardOptions(autoCorrectEnabled = false, keyboardType = KeyboardType.Email, imeAction = ImeAction.Done),
                )
                adding.problem?.let { ProblemCard(it) }
            }
        },
    )
}

@Composable
internal fun RouteDialog(way: Way, act: ChatsActions) {
    AlertDialog(
        onDismissRequest = { act.choose(null) },
        confirmButton = { Button(act::chooseNow, Modifier.heightIn(min = TOUCH), enabled = way.ready) { Text(Words.TAKE_ROUTE) } },
        dismissButton = { TextButton({ act.choose(null) }, Modifier.heightIn(min = TOUCH)) { Text(Words.CANCEL) } },
        title = { Text(Words.ROUTE) },
        text = {
            Column(Modifier.verticalScroll(rememberScrollState()), Arrangement.spacedBy(16.dp)) {
                Text(Words.ROUTE_MEANS)
                Routes(way, enabled = true, act::choose)
            }
        },
    )
}

@Composable
internal fun LeaveDialog(act: ChatsActions) = WipeDialog(Words.LEAVE_TITLE, Words.LEAVE_MEANS, Words.LEAVE, act::leaveNow) { act.leave(false) }

/** What stands against the server, and the word that takes it as it is. */
@Composable
internal fun DoubtDialog(doubt: DoubtShown, act: ChatsActions) =
    WipeDialog(Words.DOUBT_TITLE, Words.doubt(doubt, LocalSurroundings.current.brief(doubt.since)), Words.ACCEPT_SERVER, act::acceptServer) {
        act.readDoubt(false)
    }

/** The question before something goes for ever. */
@Composable
internal fun WipeDialog(title: String, means: String, label: String, wipe: () -> Unit, close: () -> Unit) {
    val colours = MaterialTheme.colorScheme
    AlertDialog(
        onDismissRequest = close,
        confirmButton = {
            Button(wipe, Modifier.heightIn(min = TOUCH), colors = ButtonDefaults.buttonColors(colours.error, colours.onError)) { Text(label) }
        },
        dismissButton = { TextButton(close, Modifier.heightIn(min = TOUCH)) { Text(Words.CANCEL) } },
        title = { Text(title) },
        text = { Text(means, Modifier.verticalScroll(rememberScrollState())) },
    )
}

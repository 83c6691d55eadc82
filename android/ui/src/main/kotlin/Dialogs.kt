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
internal fun LeaveDialog(act: ChatsActions) {
    val colours = MaterialTheme.colorScheme
    AlertDialog(
        onDismissRequest = { act.leave(false) },
        confirmButton = {
            Button(act::leaveNow, Modifier.heightIn(min = TOUCH), colors = ButtonDefaults.buttonColors(colours.error, colours.onError)) { Text(Words.LEAVE) }
        },
        dismissButton = { TextButton({ act.leave(false) }, Modifier.heightIn(min = TOUCH)) { Text(Words.CANCEL) } },
        title = { Text(Words.LEAVE_TITLE) },
        text = { Text(Words.LEAVE_MEANS, Modifier.verticalScroll(rememberScrollState())) },
    )
}

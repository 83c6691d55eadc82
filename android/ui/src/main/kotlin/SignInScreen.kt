package chat.dunnock.ui

import androidx.compose.animation.AnimatedVisibility
import androidx.compose.foundation.Image
import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.IntrinsicSize
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxHeight
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.imePadding
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.layout.widthIn
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.selection.selectable
import androidx.compose.foundation.selection.selectableGroup
import androidx.compose.foundation.shape.CircleShape
import androidx.compose.foundation.text.KeyboardOptions
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Button
import androidx.compose.material3.CircularProgressIndicator
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.draw.clip
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.input.ImeAction
import androidx.compose.ui.text.input.KeyboardType
import androidx.compose.ui.text.input.PasswordVisualTransformation
import androidx.compose.ui.text.input.VisualTransformation
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.dp
import chat.dunnock.presentation.SignInState

/** Address, password, and how to reach the server. */
@Composable
fun SignInScreen(state: SignInState, change: ((SignInState) -> SignInState) -> Unit, go: () -> Unit) {
    Scaffold(bottomBar = { Go(state, go) }) { inner ->
        Column(
            Modifier.fillMaxSize().padding(inner).verticalScroll(rememberScrollState()).padding(horizontal = 24.dp),
            horizontalAlignment = Alignment.CenterHorizontally,
        ) {
            Column(Modifier.widthIn(max = 480.dp)) {
                Head()
                Tabs(state.making) { making -> change { it.copy(making = making) } }
                Spacer(Modifier.height(20.dp))
                Field(state.address, Words.ADDRESS, !state.busy, KeyboardType.Email, Words.ADDRESS_HINT) { new -> change { it.copy(address = new) } }
                Spacer(Modifier.height(12.dp))
                Password(state.password, !state.busy) { new -> change { it.copy(password = new) } }
                Spacer(Modifier.height(24.dp))
                Text(Words.ROUTE, Modifier.padding(bottom = 8.dp).semantics { heading() }, style = MaterialTheme.typography.titleSmall)
                Routes(state.way, !state.busy) { new -> change { it.copy(way = new) } }
                Server(state, change)
                Spacer(Modifier.height(16.dp))
            }
        }
    }
}

@Composable
private fun Head() {
    Row(Modifier.padding(top = 40.dp, bottom = 28.dp), verticalAlignment = Alignment.CenterVertically) {
        Box(Modifier.size(72.dp).background(MaterialTheme.colorScheme.primaryContainer, CircleShape), Alignment.Center) {
            Image(Icons.Bird, null, Modifier.size(54.dp))
        }
        Spacer(Modifier.width(18.dp))
        Column {
            Text(Words.APP, Modifier.semantics { heading() }, style = MaterialTheme.typography.displaySmall.copy(fontSize = fixed(36.dp), lineHeight = fixed(44.dp)))
            Text(Words.CLAIM, color = MaterialTheme.colorScheme.onSurfaceVariant, style = MaterialTheme.typography.bodyMedium)
        }
    }
}

/** Sign in, or make an account. */
@Composable
private fun Tabs(making: Boolean, choose: (Boolean) -> Unit) {
    Surface(Modifier.fillMaxWidth(), CircleShape, MaterialTheme.colorScheme.surfaceVariant) {
        Row(Modifier.padding(4.dp).height(IntrinsicSize.Min).selectableGroup()) {
            for ((label, value) in listOf(Words.SIGN_IN to false, Words.NEW_ACCOUNT to true)) {
                val chosen = making == value
                val ground = if (chosen) MaterialTheme.colorScheme.surfaceContainerHigh else MaterialTheme.colorScheme.surfaceVariant
                Box(
                    Modifier.weight(1f).fillMaxHeight().heightIn(min = TOUCH).clip(CircleShape).background(ground)
                        .selectable(chosen, role = Role.Tab) { choose(value) }.padding(horizontal = 8.dp, vertical = 6.dp),
                    Alignment.Center,
                ) {
                    val colour = if (chosen) MaterialTheme.colorScheme.onSurface else MaterialTheme.colorScheme.onSurfaceVariant
                    Text(label, color = colour, style = MaterialTheme.typography.labelLarge, textAlign = TextAlign.Center)
                }
            }
        }
    }
}

@Composable
private fun Password(value: String, enabled: Boolean, change: (String) -> Unit) {
    var shown by rememberSaveable { mutableStateOf(false) }
    OutlinedTextField(
        value,
        change,
        Modifier.fillMaxWidth(),
        enabled = enabled,
        label = { Text(Words.PASSWORD) },
        trailingIcon = {
            val label = if (shown) Words.HIDE_PASSWORD else Words.SHOW_PASSWORD
            TextButton({ shown = !shown }, Modifier.heightIn(min = TOUCH).semantics { contentDescription = label }) {
                Text(if (shown) Words.HIDE else Words.SHOW)
            }
        },
        visualTransformation = if (shown) VisualTransformation.None else PasswordVisualTransformation(),
        singleLine = true,
        shape = MaterialTheme.shapes.small,
        keyboardOptions = KeyboardOptions(autoCorrectEnabled = false, keyboardType = KeyboardType.Password, imeAction = ImeAction.Done),
    )
}

@Composable
private fun Server(state: SignInState, change: ((SignInState) -> SignInState) -> Unit) {
    var shown by rememberSaveable { mutableStateOf(false) }
    TextButton({ shown = !shown }, Modifier.padding(top = 8.dp).heightIn(min = TOUCH)) {
        Text(Words.SERVER)
        Spacer(Modifier.width(6.dp))
        Icon(if (shown) Icons.Up else Icons.Down, null, Modifier.size(20.dp))
    }
    AnimatedVisibility(shown) {
        Column {
            Text(Words.SERVER_MEANS, color = MaterialTheme.colorScheme.onSurfaceVariant, style = MaterialTheme.typography.bodySmall)
            Row(Modifier.padding(top = 8.dp), Arrangement.spacedBy(10.dp)) {
                val server = state.server
                Box(Modifier.weight(2f)) {
                    Field(server.host, Words.HOST, !state.busy, KeyboardType.Uri) { new -> change { it.copy(server = server.copy(host = new)) } }
                }
                Box(Modifier.weight(1.2f)) {
                    Field(server.port, Words.PORT, !state.busy, KeyboardType.Number) { new -> change { it.copy(server = server.copy(port = new)) } }
                }
            }
        }
    }
}

/** The button within reach of a thumb, and above it what went wrong. */
@Composable
private fun Go(state: SignInState, go: () -> Unit) {
    Column(
        Modifier.fillMaxWidth().imePadding().padding(horizontal = 24.dp, vertical = 16.dp),
        Arrangement.spacedBy(12.dp),
        Alignment.CenterHorizontally,
    ) {
        state.problem?.let { ProblemCard(it, Modifier.widthIn(max = 480.dp)) }
        state.torStart?.let { TorBar(it, Modifier.widthIn(max = 480.dp)) }
        Button(go, Modifier.widthIn(max = 480.dp).fillMaxWidth().heightIn(min = 56.dp), enabled = state.ready) {
            if (state.busy) {
                CircularProgressIndicator(Modifier.size(20.dp), MaterialTheme.colorScheme.onSurfaceVariant, strokeWidth = 2.dp)
                Spacer(Modifier.width(12.dp))
                Text(Words.signingIn(state.torStart))
            } else {
                Text(if (state.making) Words.MAKE_ACCOUNT else Words.SIGN_IN, style = MaterialTheme.typography.titleMedium)
            }
        }
    }
}

package chat.dunnock.ui

import androidx.compose.foundation.Image
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.DisposableEffect
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.key
import androidx.compose.runtime.remember
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import chat.dunnock.presentation.Adding
import chat.dunnock.presentation.AppModel
import chat.dunnock.presentation.ChatLine
import chat.dunnock.presentation.ChatModel
import chat.dunnock.presentation.ChatsModel
import chat.dunnock.presentation.DeviceLine
import chat.dunnock.presentation.DevicesModel
import chat.dunnock.presentation.Request
import chat.dunnock.presentation.Row
import chat.dunnock.presentation.Screen
import chat.dunnock.presentation.SignInModel
import chat.dunnock.presentation.Way

/** The whole app; the theme is around it. */
@Composable
fun DunnockApp(app: AppModel) {
    val screen by app.screen.collectAsState()
    Surface(Modifier.fillMaxSize(), color = MaterialTheme.colorScheme.background) {
        key(screen) {
            when (val now = screen) {
                Screen.Opening -> Opening()
                is Screen.Broken -> Broken(now, app)
                is Screen.SignIn -> SignIn(now.model)
                is Screen.Chats -> Chats(now.model, app)
                is Screen.Chat -> Chat(now.model, app)
                is Screen.Devices -> Devices(now.model, app)
            }
        }
    }
}

@Composable
private fun Opening() {
    Column(Modifier.fillMaxSize(), Arrangement.Center, Alignment.CenterHorizontally) {
        Image(Icons.Bird, null, Modifier.size(96.dp))
        Text(Words.OPENING, Modifier.padding(top = 16.dp).semantics { contentDescription = Words.OPENING }, style = MaterialTheme.typography.bodyLarge)
    }
}

@Composable
private fun Broken(screen: Screen.Broken, app: AppModel) {
    val model = screen.model
    if (model == null) return BrokenScreen(screen.problem, null, null, app::start)
    val state by model.state.collectAsState()
    val actions = remember(model) {
        object : BrokenActions {
            override fun save() = model.save()
            override fun remove(asked: Boolean) = model.remove(asked)
            override fun removeNow() = model.removeNow()
        }
    }
    BrokenScreen(screen.problem, state, actions, app::start)
}

@Composable
private fun SignIn(model: SignInModel) {
    val state by model.state.collectAsState()
    SignInScreen(state, model::change, model::go)
}

@Composable
private fun Chats(model: ChatsModel, app: AppModel) {
    val state by model.state.collectAsState()
    val actions = remember(model) {
        object : ChatsActions {
            override fun open(line: ChatLine) = model.open(line)
            override fun add(adding: Adding?) = model.add(adding)
            override fun addNow() = model.addNow()
            override fun answer(request: Request, accept: Boolean) = model.answer(request, accept)
            override fun connect() = model.connect()
            override fun readDoubt(reading: Boolean) = model.read(reading)
            override fun acceptServer() = model.acceptServer()
            override fun devices() = app.openDevices(null)
            override fun choose(way: Way?) = model.choose(way)
            override fun chooseNow() = model.chooseNow()
            override fun leave(asked: Boolean) = model.leave(asked)
            override fun leaveNow() = model.leaveNow()
            override fun understood() = model.understood()
        }
    }
    ChatsScreen(state, actions)
}

@Composable
private fun Chat(model: ChatModel, app: AppModel) {
    val state by model.state.collectAsState()
    DisposableEffect(model) {
        model.visible(true)
        onDispose { model.visible(false) }
    }
    val actions = remember(model) {
        object : ChatActions {
            override fun back() {
                app.back()
            }

            override fun devices() = app.openDevices(model.chat)
            override fun draft(text: String) = model.draft(text)
            override fun send() = model.send()
            override fun sendAgain(row: Row) = model.sendAgain(row)
            override fun allowPlain(allow: Boolean) = model.allowPlain(allow)
            override fun earlier() = model.earlier()
            override fun read(row: Row?) = if (row == null) model.readEnough() else model.read(row)
            override fun understood() = model.understood()
        }
    }
    ChatScreen(state, actions)
}

@Composable
private fun Devices(model: DevicesModel, app: AppModel) {
    val state by model.state.collectAsState()
    val actions = remember(model) {
        object : DevicesActions {
            override fun back() {
                app.back()
            }

            override fun decide(device: DeviceLine, verified: Boolean) = model.decide(device, verified)
            override fun understood() = model.understood()
        }
    }
    DevicesScreen(state, actions)
}

package chat.dunnock.window

import androidx.compose.ui.ExperimentalComposeUiApi
import androidx.compose.ui.ImageComposeScene
import androidx.compose.ui.graphics.vector.rememberVectorPainter
import androidx.compose.ui.unit.Density
import androidx.compose.ui.unit.DpSize
import androidx.compose.ui.unit.dp
import androidx.compose.ui.window.Window
import androidx.compose.ui.window.application
import androidx.compose.ui.window.rememberWindowState
import chat.dunnock.bridge.Fate
import chat.dunnock.bridge.openHome
import chat.dunnock.presentation.AppModel
import chat.dunnock.presentation.Row
import chat.dunnock.presentation.Screen
import chat.dunnock.presentation.Server
import chat.dunnock.presentation.SignInState
import chat.dunnock.ui.DunnockApp
import chat.dunnock.ui.DunnockTheme
import chat.dunnock.ui.birdIcon
import java.io.File
import java.util.concurrent.Executors
import kotlin.system.exitProcess
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.jetbrains.skia.EncodedImageFormat

/** After so long the played scene has failed, in milliseconds. */
private const val PATIENCE = 120_000L

/**
 * The screens in a window of a computer, as Juliet of the private server that the environment names (`DUNNOCK_UI_…`).
 * With `DUNNOCK_UI_PICTURE` there is no window: a short scene is played, its last screen is drawn into that file.
 */
fun main() {
    val thread = Executors.newSingleThreadExecutor { work -> Thread(work, "models").apply { isDaemon = true } }.asCoroutineDispatcher()
    val app = AppModel({ openHome(named("HOME"), key()) }, CoroutineScope(SupervisorJob() + thread), juliet()) { "${named("HOME")}.jsonl" }
    val picture = System.getenv("DUNNOCK_UI_PICTURE")
    // Also when the terminal says so: goodbye to the server, and all is written.
    Runtime.getRuntime().addShutdownHook(Thread { runBlocking(thread) { app.end() } })
    if (picture == null) show(app) else play(app, thread, File(picture))
    exitProcess(0)
}

private fun named(name: String): String = checkNotNull(System.getenv("DUNNOCK_UI_$name")) { "cargo xtask ui sets DUNNOCK_UI_$name" }

/** The home lives as long as the window does, so its key may as well. */
private fun key() = ByteArray(32).also { java.security.SecureRandom().nextBytes(it) }

private fun juliet() = SignInState(
    address = named("ADDRESS"),
    password = named("PASSWORD"),
    server = Server(named("HOST"), named("PORT"), File(named("CA")).readText()),
)

private fun show(app: AppModel) = application {
    Window(
        onCloseRequest = ::exitApplication,
        state = rememberWindowState(size = DpSize(411.dp, 860.dp)),
        title = "Dunnock",
        icon = rememberVectorPainter(birdIcon),
    ) {
        DunnockTheme(fonts = bundledFonts) { DunnockApp(app) }
    }
}

/** Juliet signs in, adds Romeo, and they exchange two lines. */
private fun play(app: AppModel, thread: CoroutineDispatcher, file: File) = runBlocking {
    withTimeout(PATIENCE) {
        withContext(thread) {
            (app.screen.first { it is Screen.SignIn } as Screen.SignIn).model.go()
            app.screen.first { it is Screen.Chats }
            app.openChat(named("ROMEO"))
            val chat = (app.screen.first { it is Screen.Chat } as Screen.Chat).model
            for (line in listOf("O Romeo, Romeo, wherefore art thou Romeo?", "What’s in a name?")) {
                val before = chat.state.first { it.rows != null }.rows.orEmpty().size
                chat.draft(line)
                chat.send()
                chat.state.first { state -> state.rows.orEmpty().let { it.size >= before + 2 && !it.first().own } }
            }
            // The ticks of the last line come after the answer to it.
            chat.state.first { state -> state.rows.orEmpty().filter(Row::own).all { it.fate == Fate.DELIVERED } }
        }
        draw(app, file)
    }
}

@OptIn(ExperimentalComposeUiApi::class)
private fun draw(app: AppModel, file: File) {
    val scene = ImageComposeScene(618, 1290, Density(1.5f)) { DunnockTheme(darkColours = false, fonts = bundledFonts) { DunnockApp(app) } }
    try {
        scene.render(0)
        file.writeBytes(checkNotNull(scene.render(500_000_000).encodeToData(EncodedImageFormat.PNG)).bytes)
    } finally {
        scene.close()
    }
}

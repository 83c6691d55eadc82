package chat.dunnock.window

import androidx.compose.ui.test.DesktopComposeUiTest
import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.SemanticsMatcher
import androidx.compose.ui.test.hasClickAction
import androidx.compose.ui.test.hasContentDescription
import androidx.compose.ui.test.hasSetTextAction
import androidx.compose.ui.test.hasTestTag
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.isEnabled
import androidx.compose.ui.test.isRoot
import androidx.compose.ui.test.isSelectable
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.performScrollTo
import androidx.compose.ui.test.performScrollToNode
import androidx.compose.ui.test.performTextInput
import androidx.compose.ui.test.performTextReplacement
import androidx.compose.ui.test.printToString
import androidx.compose.ui.test.runDesktopComposeUiTest
import chat.dunnock.bridge.openHome
import chat.dunnock.presentation.AppModel
import chat.dunnock.presentation.Server
import chat.dunnock.presentation.SignInState
import chat.dunnock.ui.DunnockApp
import chat.dunnock.ui.DunnockTheme
import java.io.File
import java.nio.file.Files
import java.util.concurrent.Executors
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import kotlinx.coroutines.runBlocking

/** How long anything may take that depends on a server, in milliseconds; a busy machine is slow. */
const val PATIENCE = 120_000L

/** The app on a screen, over the real core in a home of its own. Things on it are found by what a person reads or hears. */
@OptIn(ExperimentalTestApi::class)
class Phone(private val test: DesktopComposeUiTest) {
    fun sees(text: String) = waits("“$text”") { hasText(text, substring = true) or hasContentDescription(text, substring = true) }

    /** A message of this text that came so far. */
    fun sees(text: String, fate: String) = waits("“$text”, $fate") { hasText(text, substring = true) and hasContentDescription(fate) }

    fun sees(matcher: SemanticsMatcher) = waits(matcher.description) { matcher }

    fun taps(label: String) {
        val matcher = (hasText(label) or hasContentDescription(label)) and hasClickAction() and isEnabled() and !isSelectable() and !hasSetTextAction()
        sees(matcher)
        test.onNode(matcher).performClick()
    }

    /** One of several, which may have to be scrolled to. */
    fun chooses(label: String) = reaches(hasText(label) and isSelectable())

    /** What lies further down a form. */
    fun opens(label: String) = reaches(hasText(label) and hasClickAction() and !isSelectable())

    private fun reaches(matcher: SemanticsMatcher) {
        sees(matcher)
        test.onNode(matcher).performScrollTo().performClick()
    }

    /** The field still holds what was written. */
    fun holds(label: String, text: String) = sees((hasText(label) or hasContentDescription(label)) and hasSetTextAction() and hasText(text))

    fun writes(label: String, text: String) {
        val field = (hasText(label) or hasContentDescription(label)) and hasSetTextAction()
        sees(field)
        test.onNode(field).performTextReplacement("")
        test.onNode(field).performTextInput(text)
    }

    /** Writes on, behind what stands in the field. */
    fun adds(label: String, text: String) {
        val field = (hasText(label) or hasContentDescription(label)) and hasSetTextAction()
        sees(field)
        test.onNode(field).performTextInput(text)
    }

    /** Scrolls a list until this text is in sight. */
    fun scrolls(tag: String, to: String) {
        sees(hasTestTag(tag))
        test.onNodeWithTag(tag).performScrollToNode(hasText(to, substring = true))
        sees(to)
    }

    fun signsIn(jid: String, password: String) {
        writes("Address", jid)
        writes("Password", password)
        taps("Sign in")
    }

    fun addsPerson(jid: String) {
        taps("New chat")
        writes("Address", jid)
        taps("Start chat")
    }

    fun says(text: String) {
        writes("Message", text)
        taps("Send")
    }

    private fun waits(what: String, matcher: () -> SemanticsMatcher) {
        try {
            test.waitUntil(what, PATIENCE) { test.onAllNodes(matcher()).fetchSemanticsNodes(atLeastOneRootRequired = false).isNotEmpty() }
        } catch (late: androidx.compose.ui.test.ComposeTimeoutException) {
            val screen = (0 until test.onAllNodes(isRoot()).fetchSemanticsNodes().size).joinToString("\n") { test.onAllNodes(isRoot())[it].printToString() }
            throw AssertionError("does not see $what; the screen is\n$screen", late)
        }
    }
}

/** A story on a new phone, which is gone afterwards. */
fun onPhone(server: Server, story: Phone.() -> Unit) {
    val folder = Files.createTempDirectory("dunnock-phone").toFile()
    try {
        onPhone(folder, server, story)
    } finally {
        folder.deleteRecursively()
    }
}

/** A story on the phone whose storage is this folder: the app runs as on one, and ends clean. */
@OptIn(ExperimentalTestApi::class)
fun onPhone(folder: File, server: Server, story: Phone.() -> Unit) {
    // As on a phone: one thread for the models, the core has threads of its own.
    val thread = Executors.newSingleThreadExecutor().asCoroutineDispatcher()
    val scope = CoroutineScope(SupervisorJob() + thread)
    try {
        val app = AppModel({ openHome(File(folder, "home").path, ByteArray(32) { 7 }) }, scope, SignInState(server = server)) {
            File(folder, "saved.jsonl").path
        }
        try {
            runDesktopComposeUiTest(width = 411, height = 860) {
                setContent { DunnockTheme(darkColours = false, fonts = bundledFonts) { DunnockApp(app) } }
                Phone(this).story()
            }
        } finally {
            runBlocking(thread) { app.end() }
        }
    } finally {
        scope.cancel()
        thread.close()
    }
}

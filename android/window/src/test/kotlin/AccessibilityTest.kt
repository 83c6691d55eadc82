package chat.dunnock.window

import androidx.compose.runtime.Composable
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.ui.platform.LocalDensity
import androidx.compose.ui.semantics.SemanticsActions
import androidx.compose.ui.semantics.SemanticsNode
import androidx.compose.ui.semantics.SemanticsProperties
import androidx.compose.ui.semantics.getOrNull
import androidx.compose.ui.test.DesktopComposeUiTest
import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.assertIsDisplayed
import androidx.compose.ui.test.hasContentDescription
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.isRoot
import androidx.compose.ui.test.onNodeWithContentDescription
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performScrollTo
import androidx.compose.ui.test.runDesktopComposeUiTest
import androidx.compose.ui.unit.Density
import chat.dunnock.bridge.Fate
import chat.dunnock.presentation.Adding
import chat.dunnock.presentation.BrokenState
import chat.dunnock.presentation.Problem
import chat.dunnock.presentation.RouteChoice
import chat.dunnock.presentation.Saved
import chat.dunnock.presentation.Way
import chat.dunnock.ui.BrokenScreen
import chat.dunnock.ui.ChatScreen
import chat.dunnock.ui.ChatsScreen
import chat.dunnock.ui.DevicesScreen
import chat.dunnock.ui.DunnockTheme
import chat.dunnock.ui.SignInScreen
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** What a screen reader finds, and what a thumb hits. */
@OptIn(ExperimentalTestApi::class)
class AccessibilityTest {
    private val problem = Problem("wrong_password", "juliet@capulet.example", "the server refused the name or the password", "check it")

    private fun on(letters: Float, screen: @Composable () -> Unit, look: DesktopComposeUiTest.() -> Unit) =
        runDesktopComposeUiTest(width = 360, height = 720) {
            setContent {
                CompositionLocalProvider(LocalDensity provides Density(1f, letters)) { DunnockTheme(false, bundledFonts, afternoon, screen) }
            }
            look()
        }

    private fun SemanticsNode.name(): String = buildList {
        config.getOrNull(SemanticsProperties.ContentDescription)?.let(::addAll)
        config.getOrNull(SemanticsProperties.Text)?.forEach { add(it.text) }
        config.getOrNull(SemanticsProperties.EditableText)?.let { add(it.text) }
    }.joinToString(" ")

    /** Everything that can be touched has a name and is at least 48 high and wide, laid out and not only stretched. */
    private fun DesktopComposeUiTest.faults(atLeast: Int): List<String> {
        val faults = mutableListOf<String>()
        var seen = 0
        fun walk(node: SemanticsNode) {
            if (SemanticsActions.OnClick in node.config && SemanticsProperties.Disabled !in node.config) {
                seen++
                if (node.name().isBlank()) faults += "no name: at ${node.boundsInRoot}, in ${node.parent?.name()}"
                // Not touchBoundsInRoot: that is stretched to 48 by Compose and would never fail.
                if (node.size.width < 48 || node.size.height < 48) faults += "${node.size} is too small: ${node.name()}"
            }
            node.children.forEach(::walk)
        }
        onAllNodes(isRoot()).fetchSemanticsNodes().forEach(::walk)
        assertTrue(seen >= atLeast, "only $seen things can be touched: the walk saw too little")
        return faults
    }

    @Test fun everything_that_can_be_touched_has_a_name_and_room_for_a_thumb() {
        for (letters in listOf(1f, 2f)) {
            on(letters, { SignInScreen(signIn.copy(way = Way(RouteChoice.SOCKS), problem = problem), {}, {}) }) { assertEquals(emptyList(), faults(8)) }
            on(letters, { ChatsScreen(chats, noChats) }) { assertEquals(emptyList(), faults(5)) }
            on(letters, { ChatsScreen(chats.copy(adding = Adding("a@b", problem = problem)), noChats) }) { assertEquals(emptyList(), faults(3)) }
            on(letters, { ChatsScreen(chats.copy(choosing = Way(RouteChoice.SOCKS)), noChats) }) { assertEquals(emptyList(), faults(5)) }
            on(letters, { ChatsScreen(chats.copy(leaving = true), noChats) }) { assertEquals(emptyList(), faults(2)) }
            on(letters, { ChatScreen(chat.copy(problem = problem), noChat) }) { assertEquals(emptyList(), faults(4)) }
            on(letters, { BrokenScreen(problem, BrokenState(saved = Saved("/x.jsonl", 7), problem = problem), silent(), {}) }) { assertEquals(emptyList(), faults(3)) }
            on(letters, { BrokenScreen(problem, BrokenState(removing = true), silent(), {}) }) { assertEquals(emptyList(), faults(2)) }
            on(letters, { DevicesScreen(devices, noDevices) }) { assertEquals(emptyList(), faults(2)) }
        }
    }

    @Test fun with_letters_of_double_size_everything_needed_is_still_within_reach() {
        on(2f, { SignInScreen(signIn, {}, {}) }) {
            onNodeWithText("Proxy").performScrollTo().assertIsDisplayed()
            onNodeWithText("Server settings").performScrollTo().assertIsDisplayed()
            onNode(hasText("Sign in") and !androidx.compose.ui.test.isSelectable()).assertIsDisplayed()
        }
        on(2f, { ChatScreen(chat, noChat) }) {
            onNodeWithContentDescription("Send").assertIsDisplayed()
            onNodeWithText("Look at devices").assertIsDisplayed()
        }
    }

    @Test fun a_message_is_read_out_as_one_with_what_became_of_it() {
        val rows = chat.rows.orEmpty().filter { it.fate == Fate.DISPLAYED && it.id == "3" }
        on(1f, { ChatScreen(chat.copy(rows = rows), noChat) }) {
            onNode(hasText("What’s in a name?", substring = true) and hasText("14:58") and hasContentDescription("Read")).assertIsDisplayed()
        }
    }

    @Test fun a_failure_is_said_together_with_what_helps() {
        on(1f, { SignInScreen(signIn.copy(problem = problem), {}, {}) }) {
            onNode(hasText("The server refused the name or the password", substring = true) and hasText("It was tried only once", substring = true))
                .assertIsDisplayed()
        }
    }

    @Test fun words_for_a_command_line_never_reach_the_screen() {
        val told = Problem("some_new_kind", "", "the proxy does not answer", "start it, or give another with --route")
        on(1f, { SignInScreen(signIn.copy(problem = told), {}, {}) }) {
            onNode(hasText("The proxy does not answer") and hasText("Check what you entered and try again.")).assertIsDisplayed()
        }
    }
}

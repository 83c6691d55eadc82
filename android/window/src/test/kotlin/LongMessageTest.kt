package chat.dunnock.window

import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.assertIsDisplayed
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollToIndex
import androidx.compose.ui.test.runDesktopComposeUiTest
import chat.dunnock.presentation.BUBBLE_LENGTH
import chat.dunnock.presentation.PIECE_LENGTH
import chat.dunnock.presentation.Reading
import chat.dunnock.ui.ChatActions
import chat.dunnock.ui.ChatScreen
import chat.dunnock.ui.DunnockTheme
import kotlin.test.Test
import kotlin.test.assertEquals

/** A megabyte of text in a chat. */
@OptIn(ExperimentalTestApi::class)
class LongMessageTest {
    @Test fun the_bubble_holds_the_beginning_and_a_button_for_the_rest() = runDesktopComposeUiTest(411, 860) {
        val told = mutableListOf<String>()
        val row = chat.rows.orEmpty().first { !it.own }.copy(text = "x".repeat(BUBBLE_LENGTH), whole = 1_000_000)
        setContent { DunnockTheme(false, bundledFonts, afternoon) { ChatScreen(chat.copy(rows = listOf(row)), silent<ChatActions> { told += it }) } }
        onNodeWithText("Show all 1,000,000 characters").assertIsDisplayed().performClick()
        assertEquals(listOf("read"), told)
    }

    @Test fun the_whole_of_it_can_be_scrolled_to_its_end() = runDesktopComposeUiTest(411, 860) {
        val pieces = List(500) { "piece $it " + "x".repeat(PIECE_LENGTH - 20) }
        setContent { DunnockTheme(false, bundledFonts, afternoon) { ChatScreen(chat.copy(reading = Reading("1", pieces)), noChat) } }
        onNodeWithText("piece 0 ", substring = true).assertIsDisplayed()
        onNodeWithTag("whole").performScrollToIndex(499)
        onNodeWithText("piece 499 ", substring = true).assertIsDisplayed()
    }
}

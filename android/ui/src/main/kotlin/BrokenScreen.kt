package chat.dunnock.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Button
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import chat.dunnock.presentation.BrokenState
import chat.dunnock.presentation.Problem

/** What a person can do about an account whose database cannot be opened. */
interface BrokenActions {
    /** Saves what can still be read. */
    fun save()

    /** Shows (true) or closes the question before wiping. */
    fun remove(asked: Boolean)

    /** Wipes the account from this device. */
    fun removeNow()
}

/** The home, or with [state] the account in it, cannot be opened. */
@Composable
fun BrokenScreen(problem: Problem, state: BrokenState?, act: BrokenActions?, again: () -> Unit) {
    Column(
        Modifier.fillMaxSize().verticalScroll(rememberScrollState()).padding(24.dp),
        Arrangement.spacedBy(16.dp, Alignment.CenterVertically),
    ) {
        ProblemCard(problem, button = Words.TRY_AGAIN, onButton = again)
        if (state != null && act != null) Remedies(state, act)
    }
    if (state?.removing == true && act != null) {
        WipeDialog(Words.REMOVE_TITLE, Words.REMOVE_MEANS, Words.REMOVE, act::removeNow) { act.remove(false) }
    }
}

@Composable
private fun Remedies(state: BrokenState, act: BrokenActions) {
    val wide = Modifier.fillMaxWidth().heightIn(min = 56.dp)
    Button(act::save, wide, enabled = !state.busy) { Text(Words.SAVE_READABLE) }
    state.saved?.let {
        Text(Words.saved(it.rows, it.file), Modifier.semantics { liveRegion = LiveRegionMode.Polite }, style = MaterialTheme.typography.bodyMedium)
    }
    OutlinedButton({ act.remove(true) }, wide, enabled = !state.busy) { Text(Words.REMOVE_ACCOUNT) }
    state.problem?.let { ProblemCard(it) }
}

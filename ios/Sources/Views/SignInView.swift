import Models
import SwiftUI

/// Signing in, or making an account, with the way to the server.
struct SignInView: View {
  @Bindable private var model: SignInModel
  private let submit: () async -> Void

  init(_ model: SignInModel, submit: @escaping () async -> Void) {
    self.model = model
    self.submit = submit
  }

  var body: some View {
    NavigationStack {
      Form {
        account
        route
        server
        if let failure = model.failure {
          Section { FailureView(failure) }
        }
        Section {
          Button(model.making ? "Make the account" : "Sign in") { Task { await submit() } }
            .disabled(!model.canSubmit)
          if model.isBusy { ProgressView("Connecting…") }
          if model.isBusy, model.route == .tor, let tor = model.tor.line { TorView(tor) }
        }
      }
      .navigationTitle("Dunnock")
      .task { await model.tor.follow() }
    }
  }

  private var account: some View {
    Section("Account") {
      TextField("Address: name@server", text: $model.address)
        .textContentType(.username)
        .textInputAutocapitalization(.never)
        .autocorrectionDisabled()
      SecureField(model.making ? "Password, or nothing to get one" : "Password", text: $model.password)
        .textContentType(.password)
      Toggle("Make a new account", isOn: $model.making)
    }
  }

  private var route: some View {
    Section("Way to the server") {
      RouteFields(choice: $model.route, host: $model.proxyHost, port: $model.proxyPort)
    }
  }

  private var server: some View {
    Section("Server, if DNS does not know it") {
      TextField("Host", text: $model.host).textInputAutocapitalization(.never).autocorrectionDisabled()
      TextField("Port", text: $model.port).keyboardType(.numberPad)
    }
  }
}

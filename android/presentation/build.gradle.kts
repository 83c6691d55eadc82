// What the screens show: view models over the bridge. Plain Kotlin.
plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    compilerOptions { jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17 }
}

java {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
}

// Run by `cargo xtask test --only kotlin`.
sourceSets["test"].kotlin.setSrcDirs(emptyList<String>())

dependencies {
    implementation(project(":core"))
    api(libs.coroutines.core)
}

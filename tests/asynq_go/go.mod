// This file only marks the root of the module, which the go command wants to
// see even when -modfile names another one. The requirements stand in
// asynq-<version>.mod; always build with one of those.
module asynqreal

go 1.22

//! Calls the Rust crate asynqrs: `asynqrs-rust URL COMMAND QUEUE [ARGUMENT]…`, one command each.
//!
//! What a command has done is read from Redis by whoever calls it; nothing is printed.

use std::time::Duration;

use anyhow::{bail, Context, Result};
use asynqrs::{
    Config, EnqueueOptions, GroupName, HandlerError, Inspector, ProcessingContext, QueueName, RedisBackedClient,
    RedisBackedServerBuilder, ServeMux, Task, TaskId,
};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, command, queue, rest @ ..] = arguments.as_slice() else {
        bail!("usage: asynqrs-rust URL COMMAND QUEUE [ARGUMENT]…");
    };
    let redis = redis::Client::open(url.as_str())?;
    match command.as_str() {
        "enqueue" => enqueue(redis, queue, rest).await,
        "work" => work(redis, queue).await,
        other => inspect(redis, other, queue).await,
    }
}

/// Enqueue COUNT tasks of TYPE that may be tried once; their ids are TYPE-000000 and so on. OPTION: `unique` takes a
/// lock for an hour, `group` puts them into the group `mail`, `keep` keeps them for an hour once they are done.
async fn enqueue(redis: redis::Client, queue: &str, rest: &[String]) -> Result<()> {
    let [kind, count, options @ ..] = rest else {
        bail!("usage: enqueue QUEUE TYPE COUNT [OPTION]…");
    };
    let has = |name: &str| options.iter().any(|option| option == name);
    let hour = Duration::from_secs(3600);
    let mut client = RedisBackedClient::from_redis_client(redis).await?;
    for number in 0..count.parse::<u32>()? {
        let mut wanted = EnqueueOptions::new()
            .queue(QueueName::new(queue)?)
            .task_id(TaskId::new(format!("{kind}-{number:06}"))?)
            .max_retries(0);
        if has("keep") {
            wanted = wanted.retain_for(hour);
        }
        if has("group") {
            wanted = wanted.group(GroupName::new("mail")?);
        }
        if has("unique") {
            wanted = wanted.unique_for(hour);
        }
        let task = Task::new(kind.as_str(), format!("{{\"n\":{number}}}").into_bytes());
        client.enqueue_with_async(&task, wanted).await?;
    }
    Ok(())
}

fn fail(_task: &Task, _context: &ProcessingContext) -> Result<(), HandlerError> {
    Err(HandlerError::failed("dial tcp 10.0.0.1:25: connect: connection refused"))
}

fn succeed(_task: &Task, _context: &ProcessingContext) -> Result<(), HandlerError> {
    Ok(())
}

/// Work off a queue until a signal comes; tasks of the type `fail` fail.
async fn work(redis: redis::Client, queue: &str) -> Result<()> {
    let config = Config::builder().concurrency(8).try_queue(queue, 1usize)?.try_build()?;
    let server = RedisBackedServerBuilder::from_redis_client(redis, config);
    let mux = ServeMux::new().route_fn("fail", fail).route_fn("done", succeed);
    server.run(mux).await.map(drop).context("the worker")
}

async fn inspect(redis: redis::Client, command: &str, queue: &str) -> Result<()> {
    let mut inspector = Inspector::from_redis_client(redis).await?;
    match command {
        "archive-all-pending" => inspector.archive_all_pending_tasks(queue).await.map(drop)?,
        "archive-all-retry" => inspector.archive_all_retry_tasks(queue).await.map(drop)?,
        "delete-all-completed" => inspector.delete_all_completed_tasks(queue).await.map(drop)?,
        "remove-queue" => inspector.delete_queue(queue, true).await?,
        _ => bail!("no command {command}"),
    }
    Ok(())
}

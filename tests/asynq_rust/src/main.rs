//! Calls the Rust crate asynq: `asynq-rust URL COMMAND QUEUE [ARGUMENT]…`, one command each.
//!
//! What a command has done is read from Redis by whoever calls it; nothing is printed.

use std::time::Duration;

use anyhow::{bail, Context, Result};
use asynq::backend::{RedisBroker, RedisConnectionType};
use asynq::client::Client;
use asynq::config::ServerConfig;
use asynq::error::Error;
use asynq::server::{Handler, ServerBuilder};
use asynq::task::Task;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, command, queue, rest @ ..] = arguments.as_slice() else {
        bail!("usage: asynq-rust URL COMMAND QUEUE [ARGUMENT]…");
    };
    let redis = RedisConnectionType::single(url.clone())?;
    match command.as_str() {
        "enqueue" => enqueue(redis, queue, rest).await,
        "work" => work(redis, queue).await,
        other => inspect(redis, other, queue).await,
    }
}

/// Enqueue COUNT tasks of TYPE that may be tried once; their ids are TYPE-000000 and so on. OPTION: `unique` takes a
/// lock for an hour, `group` puts them into the group `mail`, `keep` keeps them for an hour once they are done, and
/// `retry` allows one retry.
async fn enqueue(redis: RedisConnectionType, queue: &str, rest: &[String]) -> Result<()> {
    let [kind, count, options @ ..] = rest else {
        bail!("usage: enqueue QUEUE TYPE COUNT [OPTION]…");
    };
    let has = |name: &str| options.iter().any(|option| option == name);
    let hour = Duration::from_secs(3600);
    let client = Client::new(redis).await?;
    for number in 0..count.parse::<u32>()? {
        let mut task = Task::new(kind, format!("{{\"n\":{number}}}").as_bytes())?
            .with_queue(queue)
            .with_task_id(format!("{kind}-{number:06}"))
            .with_max_retry(i32::from(has("retry")));
        if has("keep") {
            task = task.with_retention(hour);
        }
        match (has("group"), has("unique")) {
            (true, true) => client.add_to_group_unique(task, "mail", hour).await?,
            (true, false) => client.add_to_group(task, "mail").await?,
            (false, true) => client.enqueue_unique(task, hour).await?,
            (false, false) => client.enqueue(task).await?,
        };
    }
    Ok(())
}

struct ByType;

#[async_trait::async_trait]
impl Handler for ByType {
    async fn process_task(&self, task: Task) -> asynq::error::Result<()> {
        if task.get_type().starts_with("fail") {
            return Err(Error::other("dial tcp 10.0.0.1:25: connect: connection refused"));
        }
        Ok(())
    }
}

/// Work off a queue until a signal comes; tasks whose type begins with `fail` fail.
async fn work(redis: RedisConnectionType, queue: &str) -> Result<()> {
    let mut server = ServerBuilder::new()
        .redis_config(redis)
        .server_config(ServerConfig::new().concurrency(8).queues([(queue.to_owned(), 1)].into()))
        .build()
        .await?;
    server.run(ByType).await.context("the worker")
}

async fn inspect(redis: RedisConnectionType, command: &str, queue: &str) -> Result<()> {
    let broker = RedisBroker::new(redis).await?;
    match command {
        "archive-all-pending" => broker.archive_all_pending_tasks(queue).await.map(drop)?,
        "archive-all-retry" => broker.archive_all_retry_tasks(queue).await.map(drop)?,
        "delete-all-completed" => broker.delete_all_completed_tasks(queue).await.map(drop)?,
        "remove-queue" => broker.remove_queue(queue, true).await?,
        _ => bail!("no command {command}"),
    }
    Ok(())
}

//! What is sent whole, and what is streamed.

use super::*;
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use std::pin::pin;
use std::task::Waker;

type Item = Result<Frame<Bytes>, std::io::Error>;

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// Pieces that are there, and then none for ever.
fn waiting(pieces: Vec<Item>) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send + 'static {
    let mut pieces = pieces.into_iter();
    StreamBody::new(futures_util::stream::poll_fn(move |_| pieces.next().map_or(Poll::Pending, |piece| Poll::Ready(Some(piece)))))
}

fn ending(pieces: Vec<Item>) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send + 'static {
    StreamBody::new(futures_util::stream::iter(pieces))
}

fn data(text: &'static str) -> Item {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[track_caller]
fn whole(content: Result<Content, Error>, expected: &[u8]) {
    match content.unwrap() {
        Content::Whole(body) => assert_eq!(body, expected),
        Content::Stream(_) => panic!("streamed"),
    }
}

/// What of a stream is there.
#[track_caller]
fn streamed(content: Result<Content, Error>) -> Vec<Bytes> {
    let Content::Stream(mut stream) = content.unwrap() else { panic!("whole") };
    let mut there = Vec::new();
    while let Poll::Ready(Some(piece)) = stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop())) {
        there.push(piece.unwrap());
    }
    there
}

#[test]
fn what_is_there_is_whole_and_what_is_not_is_streamed_from_its_first_piece() {
    whole(now(content(Full::new(Bytes::from_static(b"hi")))), b"hi");
    whole(now(content(http_body_util::Empty::<Bytes>::new())), b"");
    let mut trailers = ::http::HeaderMap::new();
    trailers.insert("grpc-status", ::http::HeaderValue::from_static("0"));
    whole(now(content(ending(vec![data("a"), data("b"), Ok(Frame::trailers(trailers))]))), b"ab");
    assert_eq!(streamed(now(content(waiting(vec![data("a"), data("b")])))), ["a", "b"]);
    assert_eq!(streamed(now(content(waiting(Vec::new())))), Vec::<Bytes>::new());
}

#[test]
fn what_is_large_or_has_no_end_is_streamed_without_a_copy() {
    let at_most = Bytes::from(vec![b'x'; WHOLE]);
    whole(now(content(Full::new(at_most.clone()))), &at_most);
    let large = Bytes::from(vec![b'x'; WHOLE + 1]);
    let pieces = streamed(now(content(Full::new(large.clone()))));
    assert!(pieces.len() == 1 && std::ptr::eq(&pieces[0][..], &large[..]));
    let endless = StreamBody::new(futures_util::stream::repeat_with(|| data("for ever ")));
    assert!(matches!(now(content(endless)), Ok(Content::Stream(_))));
}

#[test]
fn a_body_that_fails_at_once_is_an_error_and_no_reply() {
    let broken = || Err(std::io::Error::other("the source ran dry"));
    let error = now(content(ending(vec![data("a"), broken()]))).unwrap_err();
    assert_eq!((error.kind(), error.message()), ("HttpBody", "the source ran dry"));
}

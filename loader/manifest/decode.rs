//! The tree to typed values through serde, with the place of every error.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::fault::Fault;
use super::text::{Key, Node, Value};
use super::{render, wire};
use crate::refusal::Code;

/// Decodes `node` of `text`.
pub(super) fn decode<'de, T: de::Deserialize<'de>>(text: &'de str, node: &'de Node) -> Result<T, Fault> {
    T::deserialize(Reader { text, node })
}

#[derive(Clone, Copy)]
struct Reader<'de> {
    text: &'de str,
    node: &'de Node,
}

impl<'de> Reader<'de> {
    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let at = |node| Reader { text: self.text, node };
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                // serde_json makes a float of a whole number that is too large; nothing here is a float.
                (.., value) => match self.text.get(self.node.span.clone()) {
                    Some(text) if !text.contains(['.', 'e', 'E']) => {
                        Err(Fault::new(Code::ManifestValue, "the number is too large"))
                    }
                    _ => visitor.visit_f64(value.unwrap_or(f64::NAN)),
                },
            },
            Value::String(value) => visitor.visit_borrowed_str(value),
            Value::Array(items) => visitor.visit_seq(de::value::SeqDeserializer::new(items.iter().map(at))),
            Value::Object(members) => {
                let mut map = Members { text: self.text, rest: members.iter(), value: None };
                visitor.visit_map(&mut map)
            }
        }
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor).map_err(|fault| fault.or_at(&self.node.span))
    }

    /// `null` is not a way to leave a key out: it would read as "off" to one person and as "default" to another.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::String(value) => {
                let variant: de::value::StrDeserializer<'_, Fault> = value.as_str().into_deserializer();
                variant.deserialize_enum(name, known, visitor).map_err(|fault| fault.or_at(&self.node.span))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        if name == wire::Json::TOKEN {
            return visitor.visit_str(&render::verbatim(self.text, self.node));
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Fault> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Members<'de> {
    text: &'de str,
    rest: std::slice::Iter<'de, (Key, Node)>,
    value: Option<&'de Node>,
}

impl<'de> de::MapAccess<'de> for &mut Members<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let name: de::value::BorrowedStrDeserializer<'_, Fault> = de::value::BorrowedStrDeserializer::new(&key.name);
        seed.deserialize(name).map(Some).map_err(|fault| fault.or_at(&key.span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(node) => seed.deserialize(Reader { text: self.text, node }),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

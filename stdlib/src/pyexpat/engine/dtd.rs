//! What a document type declaration has said so far. A parser of an external subset or parameter entity shares it with its
//! parent; that of an external general entity has a copy.

use std::collections::HashMap;
use std::sync::Arc;

pub type Text = Arc<[u8]>;

/// Which of the two name spaces of entities, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityId {
    pub is_parameter: bool,
    pub index: usize,
}

#[derive(Clone)]
pub struct Entity {
    pub name: Text,
    /// The replacement text, if the entity is internal.
    pub text: Option<Text>,
    pub system: Option<Text>,
    pub public: Option<Text>,
    pub base: Option<Text>,
    pub notation: Option<Text>,
    /// Its text is being read: a reference to it is recursive.
    pub is_open: bool,
    /// Declared in the document itself, outside of any entity.
    pub is_internal: bool,
}

#[derive(Clone, Default)]
pub struct Entities {
    all: Vec<Entity>,
    by_name: HashMap<Text, usize>,
}

impl Entities {
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The index of a new entity, or None if there is one of this name.
    pub fn declare(&mut self, name: &[u8], is_internal: bool) -> Option<usize> {
        if self.by_name.contains_key(name) {
            return None;
        }
        let name: Text = name.into();
        let index = self.all.len();
        self.by_name.insert(Arc::clone(&name), index);
        self.all.push(Entity { name, text: None, system: None, public: None, base: None, notation: None, is_open: false, is_internal });
        Some(index)
    }
}

/// A declared attribute with a default value, or whose values are no character data.
#[derive(Clone)]
pub struct DeclaredAttribute {
    pub name: Text,
    pub is_cdata: bool,
    pub default: Option<Text>,
}

#[derive(Clone)]
pub struct Dtd {
    general: Entities,
    parameter: Entities,
    elements: HashMap<Text, Vec<DeclaredAttribute>>,
    /// Attribute names that some element declares as something else than character data.
    pub external_subset: Option<ExternalSubset>,
    /// Declarations are still taken in: nothing unread could have changed them.
    pub keeps_processing: bool,
    /// An external subset or a reference to a parameter entity has been met: not all declarations need be known.
    pub has_parameter_references: bool,
    pub is_standalone: bool,
    /// A child parser has read the entity that its parent asked for.
    pub parameter_entity_read: bool,
    /// The entity value that is being put together, also by parsers of external parameter entities.
    pub entity_value: Vec<u8>,
    /// A declaration is inside an entity's value: an external parameter entity is a part of it.
    pub in_entity_value: bool,
}

#[derive(Clone, Default)]
pub struct ExternalSubset {
    pub system: Option<Text>,
    pub public: Option<Text>,
    pub base: Option<Text>,
}

impl Default for Dtd {
    fn default() -> Dtd {
        Dtd {
            general: Entities::default(),
            parameter: Entities::default(),
            elements: HashMap::new(),
            external_subset: None,
            keeps_processing: true,
            has_parameter_references: false,
            is_standalone: false,
            parameter_entity_read: false,
            entity_value: Vec::new(),
            in_entity_value: false,
        }
    }
}

impl Dtd {
    pub fn entities(&mut self, is_parameter: bool) -> &mut Entities {
        if is_parameter { &mut self.parameter } else { &mut self.general }
    }

    pub fn find(&mut self, is_parameter: bool, name: &[u8]) -> Option<EntityId> {
        let index = self.entities(is_parameter).find(name)?;
        Some(EntityId { is_parameter, index })
    }

    pub fn entity(&mut self, id: EntityId) -> Option<&mut Entity> {
        self.entities(id.is_parameter).all.get_mut(id.index)
    }

    pub fn set_open(&mut self, id: EntityId, is_open: bool) {
        if let Some(entity) = self.entity(id) {
            entity.is_open = is_open;
        }
    }

    /// No entity is being read.
    pub fn close_entities(&mut self) {
        for entity in self.general.all.iter_mut().chain(&mut self.parameter.all) {
            entity.is_open = false;
        }
    }

    /// The names of the general entities that are being read.
    pub fn open_entities(&self) -> impl Iterator<Item = &Text> {
        self.general.all.iter().filter(|entity| entity.is_open).map(|entity| &entity.name)
    }

    pub fn has_attributes(&self) -> bool {
        !self.elements.is_empty()
    }

    pub fn attributes_of(&self, element: &[u8]) -> &[DeclaredAttribute] {
        self.elements.get(element).map_or(&[], Vec::as_slice)
    }

    /// Takes in an attribute's declaration; the first one counts.
    pub fn declare_attribute(&mut self, element: &[u8], attribute: DeclaredAttribute) {
        match self.elements.get_mut(element) {
            Some(declared) => {
                if !declared.iter().any(|known| known.name == attribute.name) {
                    declared.push(attribute);
                }
            }
            None => {
                self.elements.insert(element.into(), vec![attribute]);
            }
        }
    }
}

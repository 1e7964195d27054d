// SPDX-License-Identifier: MIT
#include "ftpsfs/fs/inode_table.hpp"

#include <algorithm>
#include <boost/multi_index/composite_key.hpp>
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index_container.hpp>
#include <list>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/remote/folded_name.hpp"

namespace ftpsfs::fs {

namespace bmi = boost::multi_index;

class InodeTable::Impl {
 public:
  explicit Impl(std::size_t idle_limit) : idle_limit_(idle_limit) {
    Node root;
    root.ino = kRootIno;
    root.name = "/";
    root.type = remote::FileType::directory;
    root.references = 1;  // the root is never forgotten
    nodes_.insert(root);
  }

  void set_case_sensitive(bool sensitive) {
    const MutexLock lock(mutex_);
    case_sensitive_ = sensitive;
  }
  Ino acquire(Ino parent, std::string_view name, remote::FileType type, std::uint64_t lookups);
  Ino number_of(Ino parent, std::string_view name);
  /// @param type absent: not known.
  Ino acquire_locked(Ino parent, std::string_view name, std::optional<remote::FileType> type,
                     std::uint64_t lookups) FTPSFS_REQUIRES(mutex_);
  std::optional<Ino> foresee(Ino parent, std::string_view name, remote::FileType type);
  std::optional<Ino> find(Ino parent, std::string_view name) const;
  void forget(Ino ino, std::uint64_t lookups);
  void reference(Ino ino);
  void unreference(Ino ino);
  Result<Location> locate(Ino ino) const;
  Result<remote::RemotePath> path(Ino ino, const remote::RemotePath& root) const;
  bool is_below(Ino ino, Ino ancestor) const;
  std::optional<Ino> detach(Ino parent, std::string_view name);
  void rename(Ino parent, std::string_view name, Ino new_parent, std::string_view new_name);
  std::size_t size() const;
  std::vector<Ino> known_to_kernel() const;

 private:
  struct Node {
    Ino ino = kNoIno;
    Ino parent = kNoIno;  ///< kNoIno: nameless; then `name` is made unique from the number
    std::string name;
    mutable std::optional<remote::FileType> type;  ///< absent: nobody has asked yet
    mutable std::uint64_t lookups = 0;
    mutable std::uint64_t references = 0;  ///< children and pins
    mutable std::list<Ino>::iterator idle;
    mutable bool is_idle = false;
  };

  struct ByIno {};
  struct ByName {};

  using NameKey = bmi::composite_key<Node, bmi::member<Node, Ino, &Node::parent>,
                                     bmi::member<Node, std::string, &Node::name>>;
  using KeyHash = bmi::composite_key_hash<std::hash<Ino>, remote::FoldedNameHash>;
  using SameKey = bmi::composite_key_equal_to<std::equal_to<Ino>, remote::SameName>;
  using SameFoldedKey = bmi::composite_key_equal_to<std::equal_to<Ino>, remote::SameFoldedName>;
  using Nodes = bmi::multi_index_container<
      Node, bmi::indexed_by<bmi::hashed_unique<bmi::tag<ByIno>, bmi::member<Node, Ino, &Node::ino>>,
                            bmi::hashed_unique<bmi::tag<ByName>, NameKey, KeyHash, SameKey>>>;

  using Position = Nodes::iterator;

  auto by_name(Ino parent, std::string_view name) const FTPSFS_REQUIRES(mutex_) {
    const auto& names = nodes_.get<ByName>();
    const auto key = std::make_tuple(parent, name);
    return case_sensitive_ ? names.find(key) : names.find(key, KeyHash(), SameFoldedKey());
  }
  void detach_node(const Node& node) FTPSFS_REQUIRES(mutex_);
  void settle(const Node& node) FTPSFS_REQUIRES(mutex_);
  void wake(const Node& node) FTPSFS_REQUIRES(mutex_);
  void drop_reference(Ino ino) FTPSFS_REQUIRES(mutex_);
  void erase(Ino ino) FTPSFS_REQUIRES(mutex_);
  void trim() FTPSFS_REQUIRES(mutex_);

  const std::size_t idle_limit_;
  mutable Mutex mutex_;
  bool case_sensitive_ FTPSFS_GUARDED_BY(mutex_) = true;
  Nodes nodes_ FTPSFS_GUARDED_BY(mutex_);
  std::list<Ino> idle_ FTPSFS_GUARDED_BY(mutex_);  ///< forgotten, the longest ago first
  Ino next_ FTPSFS_GUARDED_BY(mutex_) = kRootIno + 1;
};

Ino InodeTable::Impl::acquire(Ino parent, std::string_view name, remote::FileType type,
                              std::uint64_t lookups) {
  const MutexLock lock(mutex_);
  return acquire_locked(parent, name, type, lookups);
}

std::optional<Ino> InodeTable::Impl::foresee(Ino parent, std::string_view name,
                                             remote::FileType type) {
  const MutexLock lock(mutex_);
  const auto found = by_name(parent, name);
  if (found != nodes_.get<ByName>().end()) {
    return found->type == type || !found->type ? std::optional<Ino>(found->ino) : std::nullopt;
  }
  return acquire_locked(parent, name, type, 0);
}

Ino InodeTable::Impl::number_of(Ino parent, std::string_view name) {
  const MutexLock lock(mutex_);
  return acquire_locked(parent, name, std::nullopt, 0);
}

Ino InodeTable::Impl::acquire_locked(Ino parent, std::string_view name,
                                     std::optional<remote::FileType> type, std::uint64_t lookups) {
  auto found = by_name(parent, name);
  if (found != nodes_.get<ByName>().end() && type && found->type && found->type != type) {
    detach_node(*found);
    found = nodes_.get<ByName>().end();
  }
  if (found != nodes_.get<ByName>().end()) {
    found->type = type ? type : found->type;
    found->lookups += lookups;
    wake(*found);
    settle(*found);
    return found->ino;
  }
  Node node;
  node.ino = next_++;
  node.parent = parent;
  node.name = std::string(name);
  node.type = type;
  node.lookups = lookups;
  const Ino ino = node.ino;
  nodes_.insert(std::move(node));
  if (const auto above = nodes_.get<ByIno>().find(parent); above != nodes_.get<ByIno>().end()) {
    ++above->references;
    wake(*above);
  }
  settle(*nodes_.get<ByIno>().find(ino));
  trim();
  return ino;
}

std::optional<Ino> InodeTable::Impl::find(Ino parent, std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = by_name(parent, name);
  if (found == nodes_.get<ByName>().end()) {
    return std::nullopt;
  }
  return found->ino;
}

void InodeTable::Impl::forget(Ino ino, std::uint64_t lookups) {
  MutexLock lock(mutex_);
  const auto found = nodes_.get<ByIno>().find(ino);
  if (found == nodes_.get<ByIno>().end() || ino == kRootIno) {
    return;
  }
  found->lookups -= std::min(found->lookups, lookups);
  settle(*found);
  trim();
}

void InodeTable::Impl::reference(Ino ino) {
  MutexLock lock(mutex_);
  const auto found = nodes_.get<ByIno>().find(ino);
  if (found != nodes_.get<ByIno>().end()) {
    ++found->references;
    wake(*found);
  }
}

void InodeTable::Impl::unreference(Ino ino) {
  MutexLock lock(mutex_);
  drop_reference(ino);
  trim();
}

void InodeTable::Impl::drop_reference(Ino ino) {
  const auto found = nodes_.get<ByIno>().find(ino);
  if (found != nodes_.get<ByIno>().end() && found->references > 0) {
    --found->references;
    settle(*found);
  }
}

/// Puts a node that nobody holds among the idle ones; a nameless one has no way back and goes.
void InodeTable::Impl::settle(const Node& node) {
  if (node.is_idle || node.lookups > 0 || node.references > 0) {
    return;
  }
  if (node.parent == kNoIno) {
    erase(node.ino);
    return;
  }
  idle_.push_back(node.ino);
  node.idle = std::prev(idle_.end());
  node.is_idle = true;
}

void InodeTable::Impl::wake(const Node& node) {
  if (node.is_idle) {
    idle_.erase(node.idle);
    node.is_idle = false;
  }
}

void InodeTable::Impl::erase(Ino ino) {
  const auto found = nodes_.get<ByIno>().find(ino);
  const Ino parent = found->parent;
  wake(*found);
  nodes_.get<ByIno>().erase(found);
  if (parent != kNoIno) {
    drop_reference(parent);
  }
}

void InodeTable::Impl::trim() {
  while (idle_.size() > idle_limit_) {
    erase(idle_.front());
  }
}

Result<Location> InodeTable::Impl::locate(Ino ino) const {
  MutexLock lock(mutex_);
  const auto found = nodes_.get<ByIno>().find(ino);
  if (found == nodes_.get<ByIno>().end() || (found->parent == kNoIno && ino != kRootIno)) {
    return make_error(Errc::stale, "the file is gone");
  }
  return Location{found->parent, found->name};
}

Result<remote::RemotePath> InodeTable::Impl::path(Ino ino, const remote::RemotePath& root) const {
  std::vector<std::string> names;
  {
    MutexLock lock(mutex_);
    while (ino != kRootIno) {
      const auto found = nodes_.get<ByIno>().find(ino);
      if (found == nodes_.get<ByIno>().end() || found->parent == kNoIno) {
        return make_error(Errc::stale, "the file is gone");
      }
      names.push_back(found->name);
      ino = found->parent;
    }
  }
  remote::RemotePath path = root;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    FTPSFS_TRY_ASSIGN(path, path.child(*name));
  }
  return path;
}

bool InodeTable::Impl::is_below(Ino ino, Ino ancestor) const {
  MutexLock lock(mutex_);
  while (ino != ancestor) {
    const auto found = nodes_.get<ByIno>().find(ino);
    if (ino == kRootIno || found == nodes_.get<ByIno>().end()) {
      return false;
    }
    ino = found->parent;
  }
  return true;
}

void InodeTable::Impl::detach_node(const Node& node) {
  const Ino parent = node.parent;
  const Ino ino = node.ino;
  auto& index = nodes_.get<ByIno>();
  index.modify(index.find(ino), [](Node& changed) {
    changed.parent = kNoIno;
    changed.name = std::to_string(changed.ino);
  });
  drop_reference(parent);
  const Node& detached = *index.find(ino);
  wake(detached);
  settle(detached);
}

std::optional<Ino> InodeTable::Impl::detach(Ino parent, std::string_view name) {
  MutexLock lock(mutex_);
  const auto found = by_name(parent, name);
  if (found == nodes_.get<ByName>().end()) {
    return std::nullopt;
  }
  const Ino ino = found->ino;
  detach_node(*found);
  return ino;
}

void InodeTable::Impl::rename(Ino parent, std::string_view name, Ino new_parent,
                              std::string_view new_name) {
  MutexLock lock(mutex_);
  const auto moved = by_name(parent, name);
  const auto replaced = by_name(new_parent, new_name);
  const auto none = nodes_.get<ByName>().end();
  const std::optional<Ino> ino = moved == none ? std::nullopt : std::optional<Ino>(moved->ino);
  if (replaced != none && (!ino || replaced->ino != *ino)) {
    detach_node(*replaced);
  }
  if (!ino) {
    return;
  }
  auto& index = nodes_.get<ByIno>();
  index.modify(index.find(*ino), [&](Node& changed) {
    changed.parent = new_parent;
    changed.name = std::string(new_name);
  });
  if (const auto above = index.find(new_parent); above != index.end()) {
    ++above->references;
    wake(*above);
  }
  drop_reference(parent);
}

std::size_t InodeTable::Impl::size() const {
  MutexLock lock(mutex_);
  return nodes_.size();
}

std::vector<Ino> InodeTable::Impl::known_to_kernel() const {
  MutexLock lock(mutex_);
  std::vector<Ino> result;
  for (const Node& node : nodes_) {
    if (node.lookups > 0 || node.ino == kRootIno) {
      result.push_back(node.ino);
    }
  }
  return result;
}

InodeTable::InodeTable(std::size_t idle_limit) : impl_(std::make_unique<Impl>(idle_limit)) {}
InodeTable::~InodeTable() = default;

void InodeTable::set_case_sensitive(bool sensitive) {
  impl_->set_case_sensitive(sensitive);
}
Ino InodeTable::acquire(Ino parent, std::string_view name, remote::FileType type,
                        std::uint64_t lookups) {
  return impl_->acquire(parent, name, type, lookups);
}
Ino InodeTable::number_of(Ino parent, std::string_view name) {
  return impl_->number_of(parent, name);
}
std::optional<Ino> InodeTable::foresee(Ino parent, std::string_view name, remote::FileType type) {
  return impl_->foresee(parent, name, type);
}

std::optional<Ino> InodeTable::find(Ino parent, std::string_view name) const {
  return impl_->find(parent, name);
}
void InodeTable::forget(Ino ino, std::uint64_t lookups) {
  impl_->forget(ino, lookups);
}
void InodeTable::pin(Ino ino) {
  impl_->reference(ino);
}
void InodeTable::unpin(Ino ino) {
  impl_->unreference(ino);
}
Result<Location> InodeTable::locate(Ino ino) const {
  return impl_->locate(ino);
}
Result<remote::RemotePath> InodeTable::path(Ino ino, const remote::RemotePath& root) const {
  return impl_->path(ino, root);
}
bool InodeTable::is_below(Ino ino, Ino ancestor) const {
  return impl_->is_below(ino, ancestor);
}
std::optional<Ino> InodeTable::detach(Ino parent, std::string_view name) {
  return impl_->detach(parent, name);
}
void InodeTable::rename(Ino parent, std::string_view name, Ino new_parent,
                        std::string_view new_name) {
  impl_->rename(parent, name, new_parent, new_name);
}
std::size_t InodeTable::size() const {
  return impl_->size();
}
std::vector<Ino> InodeTable::known_to_kernel() const {
  return impl_->known_to_kernel();
}

}  // namespace ftpsfs::fs

// SPDX-License-Identifier: MIT
#include "ftp_list_arriving.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"

namespace ftpsfs::remote {
namespace {

/// Some 600 names. Of a shorter listing the end follows so soon that all are worth waiting for.
constexpr std::size_t kLong = std::size_t{64} * 1024;

/// More without the end of a line is no listing. Above what one read gives, and the first one.
constexpr std::size_t kLongestPart = std::size_t{512} * 1024;

class Arrivals {
 public:
  explicit Arrivals(const ArrivalSink& sink) : sink_(&sink) {}

  std::optional<Wait> operator()(std::string_view so_far) {
    // The end of a listing that is an attack on our memory, or no listing, is told by its parser.
    const std::string_view unread = so_far.substr(read_);
    if (so_far.size() < kLong || told_ > ftp::kMostEntries || unread.size() > kLongestPart) {
      return std::nullopt;
    }
    const ftp::MlsdPart part = ftp::parse_mlsd_part(unread);
    if (part.children.empty()) {
      return std::nullopt;  // bytes alone are no progress: whoever reads the names waits for them
    }
    read_ += part.bytes;
    told_ += part.children.size();
    std::vector<Entry> arrived;
    arrived.reserve(part.children.size());
    for (const ftp::FileFacts& facts : part.children) {
      arrived.push_back(to_entry(facts, facts.name));
      Entry& entry = arrived.back();
      if (entry.type == FileType::directory) {
        entry.size.reset();  // MLSD may mean something else by it than listings do
      }
    }
    return (*sink_)(std::move(arrived));
  }

 private:
  const ArrivalSink* sink_;
  std::size_t read_ = 0;
  std::size_t told_ = 0;
};

}  // namespace

session::ListingTap tap_for(const ArrivalSink& sink, const ftp::ServerProfile& known) {
  if (!sink || known.mlsd_links != ftp::LinkView::shown) {
    return {};
  }
  return Arrivals(sink);
}

session::ListingTap keep_on(const ArrivalSink& sink) {
  return [&sink](std::string_view) { return sink({}); };
}

}  // namespace ftpsfs::remote

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

class Arrivals {
 public:
  explicit Arrivals(const ArrivalSink& sink) : sink_(&sink) {}

  std::optional<Wait> operator()(std::string_view so_far) {
    if (so_far.size() < kLong) {
      return std::nullopt;
    }
    const ftp::MlsdPart part = ftp::parse_mlsd_part(so_far.substr(read_));
    read_ += part.bytes;
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
};

}  // namespace

session::ListingTap tap_for(const ArrivalSink& sink, const ftp::ServerProfile& known) {
  if (!sink || known.mlsd_links != ftp::LinkView::shown) {
    return {};
  }
  return Arrivals(sink);
}

}  // namespace ftpsfs::remote

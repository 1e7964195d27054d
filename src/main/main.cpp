// SPDX-License-Identifier: MIT
#include "ftpsfs/app/commands.hpp"

int main(int argc, char** argv) {
  return ftpsfs::app::run(argc, argv);
}
